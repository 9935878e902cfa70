// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SealwrightApp} from "../SealwrightApp.sol";
import {Signing} from "./Base.sol";
import {Model} from "./Model.sol";

/// @dev Does what owners, relayers and those who mean harm may do, in any order. Each act is judged by the model first, and the contract
/// must decide the same; what it accepted is entered in the model's journal and kept, to be played again.
contract Handler is Signing {
    uint256 internal constant COMPOSES = 3;
    uint256 internal constant OPENINGS = 2;
    uint256 internal constant PEOPLE = 7;
    SealwrightApp public immutable app;
    SealwrightApp public immutable twin;
    Model public immutable model;
    bytes[] internal accepted;
    uint256 internal home = block.chainid;

    constructor(SealwrightApp app_, SealwrightApp twin_, Model model_) {
        (app, twin, model) = (app_, twin_, model_);
    }

    function composeOf(uint256 n) public pure returns (bytes32) {
        return keccak256(abi.encode("compose", n));
    }

    function openingOf(uint256 n) public pure returns (bytes32 manifest, bytes32 recipient) {
        return (keccak256(abi.encode("manifest", n)), keccak256(abi.encode("recipient", n)));
    }

    // ---- acts; `twist` bends one thing now and then ----

    function approve(uint256 who, uint256 compose, uint256 twist) external {
        Model.Entry memory e = entry(Model.Kind.Approve, who, compose, twist);
        (uint64 appRound, uint64 round) = roundOf(e.compose, twist);
        bytes memory signature = signedBy(signer(e.owner, twist), approveHash(composeOf(e.compose), appRound, round, e.sequence));
        bytes memory call = abi.encodeCall(
            app.approve, (e.owner, composeOf(e.compose), appRound, round, e.sequence, bent(signature, twist))
        );
        bool due = due_(e, twist) && straight(e.compose, twist) && !model.approved(e.owner, e.compose);
        play(e, call, due);
    }

    function open(uint256 who, uint256 compose, uint256 opening, uint256 twist) external {
        Model.Entry memory e = entry(Model.Kind.Open, who, compose, twist);
        e.opening = uint8(opening % OPENINGS);
        (uint64 appRound, uint64 round) = roundOf(e.compose, twist);
        (bytes32 m, bytes32 r) = openingOf(e.opening);
        bytes32 hash = openHash(composeOf(e.compose), m, r, appRound, round, e.sequence);
        bytes memory signature = bent(signedBy(signer(e.owner, twist), hash), twist);
        bytes memory call = abi.encodeCall(
            app.open, (e.owner, composeOf(e.compose), m, r, appRound, round, e.sequence, signature)
        );
        bool due = due_(e, twist) && straight(e.compose, twist) && !model.opened(e.owner, e.compose, e.opening);
        play(e, call, due);
    }

    function revoke(uint256 who, uint256 compose, bool everything, uint256 twist) external {
        Model.Entry memory e = entry(Model.Kind.Revoke, who, compose, twist);
        e.everything = everything;
        if (twist % 16 == 4) e.sequence += uint64(1 + twist % 5); // a later one
        bytes32 x = everything ? bytes32(0) : composeOf(e.compose);
        bytes memory signature = bent(signedBy(signer(e.owner, twist), revokeHash(x, everything, e.sequence)), twist);
        bytes memory call = abi.encodeCall(app.revoke, (e.owner, x, everything, e.sequence, signature));
        bool due = twist % 16 > 3 || e.sequence > model.sequence(e.owner);
        due = due && signs(twist) && model.isActive(e.owner) && !model.revoked(e.owner, e.compose, everything);
        play(e, call, due);
    }

    function lift(uint256 who, uint256 compose, bool everything, uint256 twist) external {
        Model.Entry memory e = entry(Model.Kind.Lift, who, compose, twist);
        e.everything = everything;
        bytes32 x = everything ? bytes32(0) : composeOf(e.compose);
        bytes memory signature = bent(signedBy(signer(e.owner, twist), liftHash(x, everything, e.sequence)), twist);
        bytes memory call = abi.encodeCall(app.lift, (e.owner, x, everything, e.sequence, signature));
        bool due = e.sequence == model.sequence(e.owner) + 1 && signs(twist) && e.owner < model.owners();
        play(e, call, due && model.revoked(e.owner, e.compose, everything));
    }

    /// @dev Adds the next person, or removes an active owner, with another quorum; signed by as many as there are active, or one fewer
    /// than the quorum.
    function change(uint256 who, uint256 quorum, bool adds, uint256 twist) external {
        if (twist % 3 != 0) return; // rarer than decisions
        Model.Entry memory e = entry(Model.Kind.Change, who, 0, twist);
        SealwrightApp.Change memory c;
        (e.quorum, e.added) = (uint8(quorum % 4), adds ? int16(1) : -1 - int16(uint16(e.owner)));
        (c.quorum, c.allowAnyDevice, c.change) = (e.quorum, twist & 32 != 0, uint64(model.changes() + 1));
        if (twist % 16 == 0) c.change++;
        if (adds) (c.add = new address[](1), c.add[0] = addressOf(model.owners()));
        else (c.remove = new uint8[](1), c.remove[0] = e.owner);
        uint256 left = adds ? model.activeCount() + 1 : model.activeCount() - (model.isActive(e.owner) ? 1 : 0);
        uint256 signers = twist % 16 == 1 ? model.quorum() - 1 : model.activeCount();
        (uint8[] memory places, bytes[] memory signatures) = together(changeHash(c), signers, twist);
        bool due = twist % 16 > 1 && signs(twist) && e.quorum > 0 && e.quorum <= left && (adds || model.isActive(e.owner));
        play(e, abi.encodeCall(app.change, (c, places, signatures)), due);
    }

    /// @dev What was accepted once is accepted never again.
    function replay(uint256 which) external {
        if (accepted.length == 0) return;
        (bool again,) = address(app).call(accepted[which % accepted.length]);
        require(!again, "an old call was accepted again");
    }

    // ---- leaves ----

    function entry(Model.Kind kind, uint256 who, uint256 compose, uint256 twist) internal view returns (Model.Entry memory e) {
        e.kind = kind;
        e.owner = uint8(who % (model.owners() + (twist % 64 == 63 ? 1 : 0))); // now and then nobody's place
        e.compose = uint8(compose % COMPOSES);
        e.sequence = uint64(model.sequence(e.owner)) + 1;
        if (twist % 16 == 0) e.sequence++;
        if (twist % 16 == 1) e.sequence--;
    }

    function roundOf(uint256 compose, uint256 twist) internal view returns (uint64 appRound, uint64 round) {
        (appRound, round) = (uint64(model.appRound()), uint64(model.round(compose)));
        if (twist % 16 == 5) appRound--;
        if (twist % 16 == 6) round++;
        if (twist % 16 == 7 && round > 0) round--;
    }

    function straight(uint256 compose, uint256 twist) internal view returns (bool) {
        return twist % 16 != 5 && twist % 16 != 6 && (twist % 16 != 7 || model.round(compose) == 0);
    }

    function signer(uint256 owner, uint256 twist) internal pure returns (uint256) {
        return twist % 16 == 2 ? (owner + 1) % PEOPLE : owner;
    }

    function signs(uint256 twist) internal pure returns (bool) {
        return twist % 16 != 2 && twist % 16 != 3;
    }

    function bent(bytes memory signature, uint256 twist) internal pure returns (bytes memory) {
        if (twist % 16 == 3) signature[twist % 65] ^= bytes1(uint8(1) << uint8(twist % 7));
        return signature;
    }

    function due_(Model.Entry memory e, uint256 twist) internal view returns (bool) {
        return e.sequence == model.sequence(e.owner) + 1 && signs(twist) && model.isActive(e.owner);
    }

    function signedBy(uint256 person, bytes32 hash) internal view returns (bytes memory) {
        return signed(person, digestAt(address(app), home, hash));
    }

    function together(bytes32 hash, uint256 count, uint256 twist) internal view returns (uint8[] memory places, bytes[] memory signatures) {
        (places, signatures) = (new uint8[](count), new bytes[](count));
        uint256 n = 0;
        for (uint256 owner = 0; n < count; owner++) {
            if (!model.isActive(owner)) continue;
            places[n] = uint8(owner);
            signatures[n++] = bent(signedBy(signer(owner, twist), hash), twist);
        }
    }

    /// @dev Elsewhere first, where it must fail; then here, where it must do what the model says.
    function play(Model.Entry memory e, bytes memory call, bool due) internal {
        (bool elsewhere,) = address(twin).call(call);
        require(!elsewhere, "another contract accepted it");
        vm.chainId(home + 1);
        (elsewhere,) = address(app).call(call);
        require(!elsewhere, "it was accepted on another chain");
        vm.chainId(home);
        (bool done,) = address(app).call(call);
        require(done == due, due ? "the contract refused what the rules allow" : "the contract accepted what the rules refuse");
        if (!done) return;
        accepted.push(call);
        model.append(e);
    }
}
