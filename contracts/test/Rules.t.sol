// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SealwrightApp} from "../SealwrightApp.sol";
import {Base} from "./Base.sol";

/// @dev One owner's decisions: LDG-030 to LDG-037 as CHN-022 to CHN-025 put them, refusal by refusal.
contract RulesTest is Base {
    function test_QuorumApproves() public {
        runs(X, false);
        approve(0, X);
        runs(X, false);
        approve(1, X);
        runs(X, true);
        runs(Y, false);
        approve(2, X);
        runs(X, true);
        holds(app.composeOf(X).approvals == 7, "three bits");
    }

    function test_OneOwnersWordCountsOnce() public {
        approve(0, X);
        refuses(SealwrightApp.AlreadyApproved.selector);
        this.approveOut(0, X);
        runs(X, false);
    }

    function test_AnyOneRevokesAndOnlyThatOneLifts() public {
        approve(0, X);
        approve(1, X);
        revoke(2, X);
        runs(X, false);
        refuses(SealwrightApp.NothingToLift.selector);
        this.liftOut(0, X);
        lift(2, X);
        runs(X, false); // the quorum must agree again
        approve(0, X);
        runs(X, false);
        approve(1, X);
        runs(X, true);
    }

    function test_ApprovalsUnderARevocationCountForNothing() public {
        revoke(2, X);
        approve(0, X);
        approve(1, X);
        runs(X, false);
        lift(2, X);
        runs(X, false);
    }

    function test_EverythingStopsEverything() public {
        approve(0, X);
        approve(1, X);
        approve(0, Y);
        approve(1, Y);
        revokeAll(0);
        runs(X, false);
        runs(Y, false);
        liftAll(0);
        runs(X, false);
        runs(Y, false);
        approve(1, Y);
        approve(2, Y);
        runs(X, false);
        runs(Y, true);
    }

    function test_LiftingIsInTheSameWords() public {
        revoke(0, X);
        refuses(SealwrightApp.NothingToLift.selector);
        this.liftAllOut(0);
        revokeAll(1);
        refuses(SealwrightApp.NothingToLift.selector);
        this.liftOut(1, X);
        revokeAll(0); // both stand at once, and are lifted one by one
        liftAll(0);
        lift(0, X);
        liftAll(1);
    }

    function test_SayingNothingNewIsRefused() public {
        revoke(0, X);
        refuses(SealwrightApp.AlreadyRevoked.selector);
        this.revokeOut(0, X, false, 2);
        revokeAll(0);
        refuses(SealwrightApp.AlreadyRevoked.selector);
        this.revokeOut(0, 0, true, 3);
        lift(0, X);
        refuses(SealwrightApp.NothingToLift.selector);
        this.liftOut(0, X);
        open(1, X, M, R);
        refuses(SealwrightApp.AlreadyApproved.selector);
        this.openOut(1, X, M, R);
    }

    function test_SequencesAreStrict() public {
        refusesSequence(0, 0);
        this.approveAsOut(0, 0, X, 1, 0, 0);
        refusesSequence(0, 2);
        this.approveAsOut(0, 0, X, 1, 0, 2);
        approve(0, X);
        refusesSequence(1, 1);
        this.approveAsOut(0, 0, Y, 1, 0, 1);
        refusesSequence(1, 1);
        this.revokeOut(0, X, false, 1);
        refusesSequence(1, 0);
        this.revokeOut(0, X, false, 0);
        revoke(0, X, false, 100); // a later number: nothing that was held back comes after it
        refusesSequence(100, 2);
        this.approveAsOut(0, 0, Y, 1, 0, 2);
        refusesSequence(100, 102);
        this.liftAsOut(0, X, 102);
        lift(0, X, false, 101);
        holds(last(0) == 101 && last(1) == 0, "sequences");
    }

    function test_SequencesEnd() public {
        uint64 end = uint64(1) << 53;
        refusesSequence(0, end);
        this.revokeOut(0, X, false, end);
        revoke(0, X, false, end - 1);
        refusesSequence(end - 1, end);
        this.liftAsOut(0, X, end);
        refusesSequence(end - 1, type(uint64).max);
        this.revokeOut(0, X, false, type(uint64).max);
    }

    function test_ApprovalsOfAnotherRoundAreRefused() public {
        approve(0, X);
        revoke(2, X);
        refusesRound(1, 1);
        this.approveAsOut(1, 1, X, 1, 0, 1);
        lift(2, X);
        revokeAll(2);
        refusesRound(2, 2);
        this.approveAsOut(1, 1, X, 1, 2, 1);
        refusesRound(2, 2);
        this.approveAsOut(1, 1, X, 3, 2, 1);
        approve(1, X);
    }

    function test_OpeningsAreApprovedApart() public {
        bytes32 id = keccak256(bytes.concat(X, M, R));
        open(0, X, M, R);
        open(1, X, M, R);
        holds(app.openingOf(id).approvals == 3, "two bits");
        runs(X, false);
        approve(0, X);
        approve(1, X);
        open(2, X, M, keccak256("another recipient"));
        holds(app.openingOf(id).approvals == 3, "another recipient's is another's");
        revoke(2, X);
        holds(app.openingOf(id).approvals == 3 && app.openingOf(id).round == 0 && app.composeOf(X).round == 1, "of another round");
        open(1, X, M, R);
        holds(app.openingOf(id).approvals == 2 && app.openingOf(id).round == 1, "one bit in the new round");
        revokeAll(0);
        open(0, X, M, R);
        holds(app.openingOf(id).approvals == 1 && app.openingOf(id).appRound == 2, "and again in the next one");
    }

    function test_StrangersAreRefused() public {
        refuses(SealwrightApp.NotAnOwner.selector);
        this.approveAsOut(3, 3, X, 1, 0, 1);
        refuses(SealwrightApp.NotAnOwner.selector);
        this.approveAsOut(0, 255, X, 1, 0, 1);
        refuses(SealwrightApp.BadSignature.selector);
        this.approveAsOut(9, 0, X, 1, 0, 1);
        refuses(SealwrightApp.BadSignature.selector);
        this.approveAsOut(1, 0, X, 1, 0, 1); // an owner, and not this one
    }

    function test_AnOwnersOwnTransactionNeedsNoSignature() public {
        vm.prank(addressOf(0));
        app.revoke(0, X, false, 1, NONE);
        vm.prank(addressOf(0));
        app.lift(0, X, false, 2, NONE);
        refuses(SealwrightApp.BadSignature.selector);
        app.revoke(0, X, false, 3, NONE);
        refuses(SealwrightApp.BadSignature.selector);
        vm.prank(addressOf(1));
        app.revoke(0, X, false, 3, NONE);
        refuses(SealwrightApp.BadSignature.selector);
        vm.prank(addressOf(0));
        app.approve(0, X, 1, 2, 3, NONE); // approvals are always signed
        refuses(SealwrightApp.BadSignature.selector);
        vm.prank(addressOf(0));
        app.revoke(0, X, false, 3, hex"00"); // and what is there must be a signature
    }

    function test_AHashBesideEverythingIsRefused() public {
        refuses(SealwrightApp.BadSignature.selector);
        this.revokeOut(0, X, true, 1);
        refuses(SealwrightApp.BadSignature.selector);
        vm.prank(addressOf(0));
        app.revoke(0, X, true, 1, NONE);
        revokeAll(0);
        refuses(SealwrightApp.BadSignature.selector);
        this.liftOutEverything(0, X);
    }

    function test_TheStorageIsThatOfTheSheet() public {
        approve(0, X);
        revoke(2, Y, false, 77);
        revokeAll(1);
        open(0, X, M, R);
        uint256 head = uint256(vm.load(address(app), 0));
        holds(head == 7 | (2 << 32) | (3 << 64) | (2 << 72) | (2 << 80) | (uint256(1) << 216), "slot 0");
        holds(uint256(vm.load(address(app), bytes32(uint256(1)))) == uint160(addressOf(0)) | (2 << 160), "slot 1");
        holds(uint256(vm.load(address(app), bytes32(uint256(3)))) == uint160(addressOf(2)) | (77 << 160), "slot 3");
        holds(uint256(vm.load(address(app), keccak256(abi.encode(X, 33)))) == 1 | (1 << 64), "X");
        holds(uint256(vm.load(address(app), keccak256(abi.encode(Y, 33)))) == (4 << 32) | (1 << 128), "Y");
        bytes32 id = keccak256(bytes.concat(X, M, R));
        holds(uint256(vm.load(address(app), keccak256(abi.encode(id, 34)))) == 1 | (2 << 32), "the opening");
        holds(uint256(vm.load(address(app), keccak256(abi.encode(DEVICE, 35)))) == 1, "the device");
    }

    // Calls from outside, so that what reverts is the whole step.
    function approveOut(uint8 i, bytes32 x) external {
        approve(i, x);
    }

    function approveAsOut(uint256 person, uint8 place, bytes32 x, uint64 appRound, uint64 round, uint64 sequence) external {
        approveAs(person, place, x, appRound, round, sequence);
    }

    function openOut(uint8 i, bytes32 x, bytes32 m, bytes32 r) external {
        open(i, x, m, r);
    }

    function revokeOut(uint8 i, bytes32 x, bool everything, uint64 sequence) external {
        revoke(i, x, everything, sequence);
    }

    function liftOut(uint8 i, bytes32 x) external {
        lift(i, x);
    }

    function liftAsOut(uint8 i, bytes32 x, uint64 sequence) external {
        lift(i, x, false, sequence);
    }

    function liftAllOut(uint8 i) external {
        liftAll(i);
    }

    function liftOutEverything(uint8 i, bytes32 x) external {
        lift(i, x, true, last(i) + 1);
    }
}
