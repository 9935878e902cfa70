// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ERC165, IERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {IAppAuth} from "./IAppAuth.sol";

/// @title What the owners of an app agreed to, kept on a chain.
/// @notice Several owners decide together which compose hashes may run and which results may be opened. A quorum of them approves; any
/// one of them revokes, and only who revoked lifts. The rules are those of the ledger in docs/formats/ledger.md; words in storage, types
/// that are signed, functions and events are fixed in docs/formats/chain.md (CHN-...), since other programs verify storage proofs by them.
/// @dev No owner of its own, no proxy, no upgrade, no immutable variable: one release has one runtime code (CHN-003). Signatures may be
/// relayed by anybody. Nothing is called but the precompile that recovers a signer.
contract SealwrightApp is ERC165, IAppAuth {
    // ---- state, CHN-010: one word each ----

    /// @notice The app as a whole. Bit i of a mask is the owner at place i.
    /// @param active Owners who may approve now.
    /// @param everything Owners whose revocation of the whole app stands.
    /// @param places How many places were ever taken; none is used again.
    /// @param quorum How many approvals a compose hash needs.
    /// @param round Grows with every decision that voids all approvals. Starts at 1, so that a word never written is of no round.
    /// @param changes How many changes of owners and settings there were.
    /// @param allowAnyDevice Whether machines of all devices may run.
    /// @param requireTcbUpToDate Whether a machine's patch level must be `UpToDate`.
    struct Head {
        uint32 active;
        uint32 everything;
        uint8 places;
        uint8 quorum;
        uint64 round;
        uint64 changes;
        bool allowAnyDevice;
        bool requireTcbUpToDate;
    }

    /// @notice Whoever stands at a place, active or removed.
    /// @param account Address of the key that signs.
    /// @param sequence Number of the last entry of this owner.
    struct Owner {
        address account;
        uint64 sequence;
    }

    /// @notice A compose hash X.
    /// @param approvals Who approved X; they stand while `appRound` is the app's round.
    /// @param revocations Whose revocation of X stands.
    /// @param appRound The app's round in which `approvals` were given.
    /// @param round Grows with every revocation and lift of X.
    struct Compose {
        uint32 approvals;
        uint32 revocations;
        uint64 appRound;
        uint64 round;
    }

    /// @notice That the result of a run of X is opened to somebody.
    /// @param approvals Who approved it; they stand while the two rounds are those of X.
    /// @param appRound The app's round in which `approvals` were given.
    /// @param round The round of X in which they were given.
    struct Opening {
        uint32 approvals;
        uint64 appRound;
        uint64 round;
    }

    /// @notice A change of owners and settings, signed as a whole.
    /// @param add New owners, at the next places.
    /// @param remove Places of owners who shall not be active any more.
    /// @param quorum The quorum from now on.
    /// @param allowAnyDevice The setting from now on.
    /// @param addDevices Devices that may run from now on.
    /// @param removeDevices Devices that may not any more.
    /// @param requireTcbUpToDate The setting from now on.
    /// @param change Number of this change: the last one's plus one.
    struct Change {
        address[] add;
        uint8[] remove;
        uint8 quorum;
        bool allowAnyDevice;
        bytes32[] addDevices;
        bytes32[] removeDevices;
        bool requireTcbUpToDate;
        uint64 change;
    }

    uint256 private constant PLACES = 32;
    uint64 private constant SEQUENCE_END = 1 << 53;

    /// @notice The app as a whole, as it stands in slot 0.
    Head public head;
    Owner[PLACES] private owners;
    mapping(bytes32 composeHash => Compose) private composes;
    mapping(bytes32 opening => Opening) private openings;
    /// @notice Whether machines of this device may run when not all may.
    mapping(bytes32 deviceId => bool) public allowedDeviceIds;

    // ---- what owners sign, CHN-020 ----

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("SealwrightApp");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant APPROVE_TYPE =
        keccak256("Approve(bytes32 composeHash,uint64 appRound,uint64 round,uint64 sequence)");
    bytes32 private constant OPEN_TYPE = keccak256(
        "Open(bytes32 composeHash,bytes32 manifest,bytes32 recipient,uint64 appRound,uint64 round,uint64 sequence)"
    );
    bytes32 private constant REVOKE_TYPE = keccak256("Revoke(bytes32 composeHash,bool everything,uint64 sequence)");
    bytes32 private constant LIFT_TYPE = keccak256("Lift(bytes32 composeHash,bool everything,uint64 sequence)");
    bytes32 private constant CHANGE_TYPE = keccak256(
        "Change(address[] add,uint8[] remove,uint8 quorum,bool allowAnyDevice,bytes32[] addDevices,bytes32[] removeDevices,bool requireTcbUpToDate,uint64 change)"
    );

    // ---- refusals, CHN-024 ----

    /// @notice Nobody ever stood at this place.
    error NotAnOwner();
    /// @notice The owner was removed.
    error NotActive();
    /// @notice The signature is not this owner's over these words, or not in its one spelling.
    error BadSignature();
    /// @notice Another number is due: the one after `last`, or a later one for a revocation.
    error WrongSequence(uint64 last, uint64 given);
    /// @notice It was signed for another round than this one.
    error WrongRound(uint64 appRound, uint64 round);
    /// @notice This owner's approval stands in this round.
    error AlreadyApproved();
    /// @notice This owner's revocation stands, in the same words.
    error AlreadyRevoked();
    /// @notice This owner has no revocation in these words.
    error NothingToLift();
    /// @notice The change cannot be made as it is written.
    error BadChange();
    /// @notice Fewer owners than the quorum signed.
    error BelowQuorum(uint256 given, uint256 needed);

    // ---- events, CHN-027 ----

    /// @notice An owner approved a compose hash.
    event Approved(bytes32 indexed composeHash, uint8 indexed place, uint64 appRound, uint64 round, uint64 sequence);
    /// @notice An owner approved that a result is opened.
    event Opened(
        bytes32 indexed composeHash, bytes32 indexed manifest, bytes32 recipient, uint8 place, uint64 sequence
    );
    /// @notice An owner revoked a compose hash, or everything.
    event Revoked(bytes32 indexed composeHash, bool everything, uint8 indexed place, uint64 sequence);
    /// @notice An owner lifted what this owner had revoked.
    event Lifted(bytes32 indexed composeHash, bool everything, uint8 indexed place, uint64 sequence);
    /// @notice Owners or settings changed.
    event Changed(uint64 change);
    /// @notice A compose hash may run from now on.
    event ComposeHashAdded(bytes32 composeHash);
    /// @notice A compose hash may not run any more, by a revocation that names it.
    event ComposeHashRemoved(bytes32 composeHash);
    /// @notice A device may run from now on.
    event DeviceAdded(bytes32 deviceId);
    /// @notice A device may not run any more.
    event DeviceRemoved(bytes32 deviceId);
    /// @notice The setting changed.
    event AllowAnyDeviceSet(bool allowAny);
    /// @notice The setting changed.
    event RequireTcbUpToDateSet(bool requireUpToDate);

    /// @notice Founds the app.
    /// @param accounts The owners' addresses in the order of the genesis, 1 to 32, none twice.
    /// @param quorum How many approvals a compose hash needs.
    /// @param anyDevice Whether machines of all devices may run.
    /// @param devices Devices that may run when not all may.
    /// @param tcbUpToDate Whether a machine's patch level must be `UpToDate`.
    constructor(
        address[] memory accounts,
        uint8 quorum,
        bool anyDevice,
        bytes32[] memory devices,
        bool tcbUpToDate
    ) {
        Head memory h;
        for (uint256 i = 0; i < accounts.length; i++) _take(h, accounts[i]);
        if (quorum == 0 || quorum > h.places) revert BadChange();
        h.quorum = quorum;
        h.round = 1;
        h.allowAnyDevice = anyDevice;
        h.requireTcbUpToDate = tcbUpToDate;
        head = h;
        for (uint256 i = 0; i < devices.length; i++) _addDevice(devices[i]);
    }

    // ---- decisions of one owner, CHN-023 ----

    /// @notice An owner approves that a compose hash runs.
    /// @param place The owner's place.
    /// @param composeHash X.
    /// @param appRound The app's round that the owner saw.
    /// @param round The round of X that the owner saw.
    /// @param sequence The owner's last number plus one.
    /// @param signature The owner's, over `Approve`.
    function approve(
        uint8 place,
        bytes32 composeHash,
        uint64 appRound,
        uint64 round,
        uint64 sequence,
        bytes calldata signature
    ) external {
        Head memory h = head;
        Compose memory c = composes[composeHash];
        address account = _next(h, place, sequence);
        _inRound(h, c, appRound, round);
        uint32 before = c.appRound == h.round ? c.approvals : 0;
        if (before & _bit(place) != 0) revert AlreadyApproved();
        _signed(account, keccak256(abi.encode(APPROVE_TYPE, composeHash, appRound, round, sequence)), signature);

        bool ran = _mayRun(h, c);
        c.approvals = before | _bit(place);
        c.appRound = h.round;
        composes[composeHash] = c;
        emit Approved(composeHash, place, appRound, round, sequence);
        if (!ran && _mayRun(h, c)) emit ComposeHashAdded(composeHash);
    }

    /// @notice An owner approves that a result is opened to somebody. That is never an approval to run, nor the other way round.
    /// @param place The owner's place.
    /// @param composeHash X, of which the result is.
    /// @param manifest Digest of the run's manifest.
    /// @param recipient SHA-256 of the key of the one who may open.
    /// @param appRound The app's round that the owner saw.
    /// @param round The round of X that the owner saw.
    /// @param sequence The owner's last number plus one.
    /// @param signature The owner's, over `Open`.
    function open(
        uint8 place,
        bytes32 composeHash,
        bytes32 manifest,
        bytes32 recipient,
        uint64 appRound,
        uint64 round,
        uint64 sequence,
        bytes calldata signature
    ) external {
        Head memory h = head;
        address account = _next(h, place, sequence);
        _inRound(h, composes[composeHash], appRound, round);
        _signed(
            account,
            keccak256(abi.encode(OPEN_TYPE, composeHash, manifest, recipient, appRound, round, sequence)),
            signature
        );
        _approveOpening(keccak256(abi.encode(composeHash, manifest, recipient)), appRound, round, _bit(place));
        emit Opened(composeHash, manifest, recipient, place, sequence);
    }

    /// @notice An owner revokes a compose hash, or everything. Nobody can outvote it, and only the same owner lifts it.
    /// @param place The owner's place.
    /// @param composeHash X; zero with `everything`.
    /// @param everything Whether the whole app is revoked.
    /// @param sequence Any number above the owner's last one, so that nothing can be held in front of a revocation.
    /// @param signature The owner's, over `Revoke`; may be empty when the owner's own account sends it.
    function revoke(uint8 place, bytes32 composeHash, bool everything, uint64 sequence, bytes calldata signature)
        external
    {
        Head memory h = head;
        Owner storage o = _ownerAt(h, place);
        if (h.active & _bit(place) == 0) revert NotActive();
        if (sequence <= o.sequence || sequence >= SEQUENCE_END) revert WrongSequence(o.sequence, sequence);
        o.sequence = sequence;
        _said(o.account, REVOKE_TYPE, composeHash, everything, sequence, signature);

        if (everything) {
            if (h.everything & _bit(place) != 0) revert AlreadyRevoked();
            head.everything = h.everything | _bit(place);
            head.round = h.round + 1;
        } else {
            Compose memory c = composes[composeHash];
            if (c.revocations & _bit(place) != 0) revert AlreadyRevoked();
            composes[composeHash] = Compose(0, c.revocations | _bit(place), 0, c.round + 1);
            if (_mayRun(h, c)) emit ComposeHashRemoved(composeHash);
        }
        emit Revoked(composeHash, everything, place, sequence);
    }

    /// @notice An owner, active or removed, lifts what this owner revoked, in the same words. All approvals must then be given anew.
    /// @param place The owner's place.
    /// @param composeHash X; zero with `everything`.
    /// @param everything Whether the revocation of the whole app is lifted.
    /// @param sequence The owner's last number plus one.
    /// @param signature The owner's, over `Lift`; may be empty when the owner's own account sends it.
    function lift(uint8 place, bytes32 composeHash, bool everything, uint64 sequence, bytes calldata signature)
        external
    {
        Head memory h = head;
        address account = _spend(_ownerAt(h, place), sequence);
        _said(account, LIFT_TYPE, composeHash, everything, sequence, signature);

        if (everything) {
            if (h.everything & _bit(place) == 0) revert NothingToLift();
            head.everything = h.everything & ~_bit(place);
            head.round = h.round + 1;
        } else {
            Compose memory c = composes[composeHash];
            if (c.revocations & _bit(place) == 0) revert NothingToLift();
            composes[composeHash] = Compose(0, c.revocations & ~_bit(place), 0, c.round + 1);
        }
        emit Lifted(composeHash, everything, place, sequence);
    }

    // ---- decisions of a quorum, CHN-025 ----

    /// @notice Active owners, at least the quorum, change owners and settings. Every approval must then be given anew; no revocation is
    /// lifted by it, a removed owner's neither.
    /// @param c The change.
    /// @param places Places of those who signed, strictly ascending.
    /// @param signatures Theirs, over `Change`, in the same order.
    function change(Change calldata c, uint8[] calldata places, bytes[] calldata signatures) external {
        Head memory h = head;
        if (c.change != h.changes + 1) revert WrongSequence(h.changes, c.change);
        _signedByQuorum(h, _changeHash(c), places, signatures);

        for (uint256 i = 0; i < c.remove.length; i++) {
            if (c.remove[i] >= h.places || h.active & _bit(c.remove[i]) == 0) revert BadChange();
            h.active &= ~_bit(c.remove[i]);
        }
        for (uint256 i = 0; i < c.add.length; i++) _take(h, c.add[i]);
        if (c.quorum == 0 || c.quorum > _count(h.active)) revert BadChange();
        if (c.allowAnyDevice != h.allowAnyDevice) emit AllowAnyDeviceSet(c.allowAnyDevice);
        if (c.requireTcbUpToDate != h.requireTcbUpToDate) emit RequireTcbUpToDateSet(c.requireTcbUpToDate);
        h.quorum = c.quorum;
        h.allowAnyDevice = c.allowAnyDevice;
        h.requireTcbUpToDate = c.requireTcbUpToDate;
        h.changes = c.change;
        h.round += 1;
        head = h;
        for (uint256 i = 0; i < c.addDevices.length; i++) _addDevice(c.addDevices[i]);
        for (uint256 i = 0; i < c.removeDevices.length; i++) {
            if (!allowedDeviceIds[c.removeDevices[i]]) revert BadChange();
            delete allowedDeviceIds[c.removeDevices[i]];
            emit DeviceRemoved(c.removeDevices[i]);
        }
        emit Changed(c.change);
    }

    // ---- answers, CHN-030 and CHN-031 ----

    /// @inheritdoc IAppAuth
    function isAppAllowed(AppBootInfo calldata bootInfo) external view returns (bool isAllowed, string memory reason) {
        Head memory h = head;
        if (bootInfo.appId != address(this)) return (false, "App id is another's");
        if (h.requireTcbUpToDate && keccak256(bytes(bootInfo.tcbStatus)) != keccak256("UpToDate")) {
            return (false, "TCB status is not up to date");
        }
        if (!_mayRun(h, composes[bootInfo.composeHash])) return (false, "Compose hash not allowed");
        if (!h.allowAnyDevice && !allowedDeviceIds[bootInfo.deviceId]) return (false, "Device not allowed");
        return (true, "");
    }

    /// @notice Whether a compose hash may run now.
    /// @param composeHash X.
    /// @return Whether it may.
    function allowedComposeHashes(bytes32 composeHash) external view returns (bool) {
        return _mayRun(head, composes[composeHash]);
    }

    /// @notice Whether machines of all devices may run.
    /// @return The setting.
    function allowAnyDevice() external view returns (bool) {
        return head.allowAnyDevice;
    }

    /// @notice Whether a machine's patch level must be `UpToDate`.
    /// @return The setting.
    function requireTcbUpToDate() external view returns (bool) {
        return head.requireTcbUpToDate;
    }

    /// @notice The version of dstack's app contract whose questions are answered here.
    /// @return 2.
    function version() external pure returns (uint256) {
        return 2;
    }

    /// @notice Who stands at a place; zero where nobody does.
    /// @param place From 0.
    /// @return The owner's word.
    function ownerAt(uint8 place) external view returns (Owner memory) {
        if (place >= PLACES) revert NotAnOwner();
        return owners[place];
    }

    /// @notice A compose hash's word as it is stored: what stands is for the reader to judge by the rounds.
    /// @param composeHash X.
    /// @return Its word.
    function composeOf(bytes32 composeHash) external view returns (Compose memory) {
        return composes[composeHash];
    }

    /// @notice An opening's word as it is stored.
    /// @param opening Keccak-256 of X, the manifest's digest and the recipient's.
    /// @return Its word.
    function openingOf(bytes32 opening) external view returns (Opening memory) {
        return openings[opening];
    }

    /// @notice What ties signatures to this chain and this contract, computed at every call.
    /// @return The EIP-712 domain separator.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, NAME, VERSION, block.chainid, address(this)));
    }

    /// @notice ERC-165: this interface and dstack's question; not its management, since nobody manages alone.
    /// @param interfaceId The interface asked about.
    /// @return Whether it is there.
    function supportsInterface(bytes4 interfaceId) public view override(ERC165, IERC165) returns (bool) {
        return interfaceId == type(IAppAuth).interfaceId || super.supportsInterface(interfaceId);
    }

    // ---- leaves ----

    function _approveOpening(bytes32 id, uint64 appRound, uint64 round, uint32 bit) private {
        Opening memory o = openings[id];
        uint32 before = o.appRound == appRound && o.round == round ? o.approvals : 0;
        if (before & bit != 0) revert AlreadyApproved();
        openings[id] = Opening(before | bit, appRound, round);
    }

    function _bit(uint8 place) private pure returns (uint32) {
        return uint32(1) << place;
    }

    function _count(uint32 mask) private pure returns (uint256 n) {
        for (; mask != 0; mask &= mask - 1) n++;
    }

    /// @dev CHN-013.
    function _mayRun(Head memory h, Compose memory c) private pure returns (bool) {
        return h.everything == 0 && c.revocations == 0 && c.appRound == h.round
            && _count(c.approvals & h.active) >= h.quorum;
    }

    function _inRound(Head memory h, Compose memory c, uint64 appRound, uint64 round) private pure {
        if (appRound != h.round || round != c.round) revert WrongRound(h.round, c.round);
    }

    function _ownerAt(Head memory h, uint8 place) private view returns (Owner storage) {
        if (place >= h.places) revert NotAnOwner();
        return owners[place];
    }

    /// @dev An active owner's next number.
    function _next(Head memory h, uint8 place, uint64 sequence) private returns (address) {
        Owner storage o = _ownerAt(h, place);
        if (h.active & _bit(place) == 0) revert NotActive();
        return _spend(o, sequence);
    }

    /// @dev CHN-022: exactly the number after the last one.
    function _spend(Owner storage o, uint64 sequence) private returns (address) {
        Owner memory last = o;
        if (sequence != last.sequence + 1 || sequence >= SEQUENCE_END) revert WrongSequence(last.sequence, sequence);
        o.sequence = sequence;
        return last.account;
    }

    function _isSignedBy(address account, bytes32 structHash, bytes calldata signature) private view returns (bool) {
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator(), structHash);
        (address signer, ECDSA.RecoverError failed,) = ECDSA.tryRecoverCalldata(digest, signature);
        return failed == ECDSA.RecoverError.NoError && signer == account;
    }

    function _signed(address account, bytes32 structHash, bytes calldata signature) private view {
        if (!_isSignedBy(account, structHash, signature)) revert BadSignature();
    }

    /// @dev A revocation or a lift, by signature or by the owner's own transaction.
    function _said(
        address account,
        bytes32 typeHash,
        bytes32 composeHash,
        bool everything,
        uint64 sequence,
        bytes calldata signature
    ) private view {
        if (everything && composeHash != 0) revert BadSignature();
        if (signature.length == 0 && msg.sender == account) return;
        _signed(account, keccak256(abi.encode(typeHash, composeHash, everything, sequence)), signature);
    }

    function _changeHash(Change calldata c) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                CHANGE_TYPE,
                keccak256(abi.encodePacked(c.add)),
                keccak256(abi.encodePacked(c.remove)),
                c.quorum,
                c.allowAnyDevice,
                keccak256(abi.encodePacked(c.addDevices)),
                keccak256(abi.encodePacked(c.removeDevices)),
                c.requireTcbUpToDate,
                c.change
            )
        );
    }

    /// @dev Ascending places: nobody is counted twice.
    function _signedByQuorum(Head memory h, bytes32 hash, uint8[] calldata places, bytes[] calldata signatures)
        private
        view
    {
        if (places.length != signatures.length) revert BadChange();
        if (places.length < h.quorum) revert BelowQuorum(places.length, h.quorum);
        for (uint256 i = 0; i < places.length; i++) {
            if (i != 0 && places[i] <= places[i - 1]) revert BadChange();
            address account = _ownerAt(h, places[i]).account;
            if (h.active & _bit(places[i]) == 0) revert NotActive();
            _signed(account, hash, signatures[i]);
        }
    }

    /// @dev The next place is this account's. It must not stand at any other, a removed owner's neither: a signature names no place, so
    /// what an account said once must not count for it a second time elsewhere.
    function _take(Head memory h, address account) private {
        if (account == address(0) || h.places >= PLACES) revert BadChange();
        for (uint8 i = 0; i < h.places; i++) {
            if (owners[i].account == account) revert BadChange();
        }
        owners[h.places].account = account;
        h.active |= _bit(h.places);
        h.places++;
    }

    function _addDevice(bytes32 deviceId) private {
        if (deviceId == 0 || allowedDeviceIds[deviceId]) revert BadChange();
        allowedDeviceIds[deviceId] = true;
        emit DeviceAdded(deviceId);
    }
}
