// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SealwrightApp} from "../SealwrightApp.sol";

/// @dev What of forge's machine is used here.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
}

/// @dev Owners' keys and what they sign, written from CHN-020 and EIP-712 and not from the contract.
abstract contract Signing {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function keyOf(uint256 person) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("owner", person))) % (ORDER - 1) + 1;
    }

    function addressOf(uint256 person) internal pure returns (address) {
        return vm.addr(keyOf(person));
    }

    function digestAt(address app, uint256 chain, bytes32 structHash) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            bytes.concat(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("SealwrightApp"),
                keccak256("1"),
                bytes32(chain),
                bytes32(uint256(uint160(app)))
            )
        );
        return keccak256(bytes.concat(hex"1901", domain, structHash));
    }

    function approveHash(bytes32 x, uint64 appRound, uint64 round, uint64 sequence) internal pure returns (bytes32) {
        bytes32 kind = keccak256("Approve(bytes32 composeHash,uint64 appRound,uint64 round,uint64 sequence)");
        return keccak256(bytes.concat(kind, x, word(appRound), word(round), word(sequence)));
    }

    function openHash(bytes32 x, bytes32 m, bytes32 r, uint64 appRound, uint64 round, uint64 sequence) internal pure returns (bytes32) {
        bytes32 kind =
            keccak256("Open(bytes32 composeHash,bytes32 manifest,bytes32 recipient,uint64 appRound,uint64 round,uint64 sequence)");
        return keccak256(bytes.concat(kind, x, m, r, word(appRound), word(round), word(sequence)));
    }

    function revokeHash(bytes32 x, bool everything, uint64 sequence) internal pure returns (bytes32) {
        bytes32 kind = keccak256("Revoke(bytes32 composeHash,bool everything,uint64 sequence)");
        return keccak256(bytes.concat(kind, x, word(everything ? 1 : 0), word(sequence)));
    }

    function liftHash(bytes32 x, bool everything, uint64 sequence) internal pure returns (bytes32) {
        bytes32 kind = keccak256("Lift(bytes32 composeHash,bool everything,uint64 sequence)");
        return keccak256(bytes.concat(kind, x, word(everything ? 1 : 0), word(sequence)));
    }

    function changeHash(SealwrightApp.Change memory c) internal pure returns (bytes32) {
        bytes memory head = bytes.concat(
            keccak256(
                "Change(address[] add,uint8[] remove,uint8 quorum,bool allowAnyDevice,bytes32[] addDevices,bytes32[] removeDevices,bool requireTcbUpToDate,uint64 change)"
            )
        );
        bytes memory add;
        bytes memory remove;
        for (uint256 i = 0; i < c.add.length; i++) add = bytes.concat(add, word(uint160(c.add[i])));
        for (uint256 i = 0; i < c.remove.length; i++) remove = bytes.concat(remove, word(c.remove[i]));
        head = bytes.concat(head, keccak256(add), keccak256(remove), word(c.quorum), word(c.allowAnyDevice ? 1 : 0));
        head = bytes.concat(head, keccak256(joined(c.addDevices)), keccak256(joined(c.removeDevices)));
        return keccak256(bytes.concat(head, word(c.requireTcbUpToDate ? 1 : 0), word(c.change)));
    }

    function signed(uint256 person, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(person), digest);
        return bytes.concat(r, s, bytes1(v));
    }

    function joined(bytes32[] memory words) private pure returns (bytes memory all) {
        for (uint256 i = 0; i < words.length; i++) all = bytes.concat(all, words[i]);
    }

    function word(uint256 v) private pure returns (bytes32) {
        return bytes32(v);
    }
}

/// @dev An app of three owners (people 0, 1, 2 at places 0, 1, 2), of whom two must agree, and short names for what they do.
abstract contract Base is Signing {
    bytes32 internal constant X = keccak256("compose X");
    bytes32 internal constant Y = keccak256("compose Y");
    bytes32 internal constant M = keccak256("manifest");
    bytes32 internal constant R = keccak256("recipient");
    bytes32 internal constant DEVICE = keccak256("device");
    bytes internal constant NONE = "";
    SealwrightApp internal app;
    uint256 internal home; // in storage: the compiler takes block.chainid for a constant of the call

    function setUp() public virtual {
        home = block.chainid;
        app = found(3, 2);
    }

    function found(uint8 count, uint8 quorum) internal returns (SealwrightApp) {
        address[] memory accounts = new address[](count);
        for (uint256 i = 0; i < count; i++) accounts[i] = addressOf(i);
        bytes32[] memory devices = new bytes32[](1);
        devices[0] = DEVICE;
        return new SealwrightApp(accounts, quorum, false, devices, true);
    }

    function here(bytes32 structHash) internal view returns (bytes32) {
        return digestAt(address(app), block.chainid, structHash);
    }

    function last(uint8 place) internal view returns (uint64) {
        return app.ownerAt(place).sequence;
    }

    function roundNow() internal view returns (uint64 round) {
        (,,,, round,,,) = app.head();
    }

    function approve(uint8 i, bytes32 x) internal {
        approveAs(i, i, x, roundNow(), app.composeOf(x).round, last(i) + 1);
    }

    function approveAs(uint256 person, uint8 place, bytes32 x, uint64 appRound, uint64 round, uint64 sequence) internal {
        bytes memory signature = signed(person, here(approveHash(x, appRound, round, sequence)));
        app.approve(place, x, appRound, round, sequence, signature);
    }

    function open(uint8 i, bytes32 x, bytes32 m, bytes32 r) internal {
        (uint64 appRound, uint64 round, uint64 sequence) = (roundNow(), app.composeOf(x).round, last(i) + 1);
        app.open(i, x, m, r, appRound, round, sequence, signed(i, here(openHash(x, m, r, appRound, round, sequence))));
    }

    function revoke(uint8 i, bytes32 x, bool everything, uint64 sequence) internal {
        app.revoke(i, x, everything, sequence, signed(i, here(revokeHash(x, everything, sequence))));
    }

    function revoke(uint8 i, bytes32 x) internal {
        revoke(i, x, false, last(i) + 1);
    }

    function revokeAll(uint8 i) internal {
        revoke(i, 0, true, last(i) + 1);
    }

    function lift(uint8 i, bytes32 x, bool everything, uint64 sequence) internal {
        app.lift(i, x, everything, sequence, signed(i, here(liftHash(x, everything, sequence))));
    }

    function lift(uint8 i, bytes32 x) internal {
        lift(i, x, false, last(i) + 1);
    }

    function liftAll(uint8 i) internal {
        lift(i, 0, true, last(i) + 1);
    }

    /// @dev A change that changes nothing yet.
    function same() internal view returns (SealwrightApp.Change memory c) {
        uint64 changes;
        (,,, c.quorum,, changes, c.allowAnyDevice, c.requireTcbUpToDate) = app.head();
        c.change = changes + 1;
    }

    function change(SealwrightApp.Change memory c, uint8 first, uint8 second) internal {
        uint8[] memory places = new uint8[](2);
        (places[0], places[1]) = (first, second);
        change(c, places);
    }

    function change(SealwrightApp.Change memory c, uint8[] memory places) internal {
        bytes[] memory signatures = new bytes[](places.length);
        for (uint256 i = 0; i < places.length; i++) signatures[i] = signed(places[i], here(changeHash(c)));
        app.change(c, places, signatures);
    }

    function removing(uint8 place) internal view returns (SealwrightApp.Change memory c) {
        c = same();
        c.remove = new uint8[](1);
        c.remove[0] = place;
    }

    function adding(address account) internal view returns (SealwrightApp.Change memory c) {
        c = same();
        c.add = new address[](1);
        c.add[0] = account;
    }

    function refuses(bytes4 selector) internal {
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function refusesSequence(uint64 lastOne, uint64 given) internal {
        vm.expectRevert(abi.encodeWithSelector(SealwrightApp.WrongSequence.selector, lastOne, given));
    }

    function refusesRound(uint64 appRound, uint64 round) internal {
        vm.expectRevert(abi.encodeWithSelector(SealwrightApp.WrongRound.selector, appRound, round));
    }

    function holds(bool truth, string memory what) internal pure {
        require(truth, what);
    }

    function runs(bytes32 x, bool may) internal view {
        require(app.allowedComposeHashes(x) == may, may ? "it should run" : "it should not run");
    }
}
