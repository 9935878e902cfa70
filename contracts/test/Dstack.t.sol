// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAppAuth} from "../IAppAuth.sol";
import {SealwrightApp} from "../SealwrightApp.sol";
import {Base, Vm} from "./Base.sol";

/// @dev What a stock dstack key service and those who watch events see (CHN-027, CHN-030, CHN-031).
contract DstackTest is Base {
    function test_MachinesAreJudgedInOrder() public {
        answers(asks("OutOfDate", DEVICE), "TCB status is not up to date");
        answers(asks("UpToDate", 0), "Compose hash not allowed");
        approve(0, X);
        approve(1, X);
        answers(asks("UpToDate", 0), "Device not allowed");
        answers(asks("UpToDate", DEVICE), "");
        answers(asks("UpToDate ", DEVICE), "TCB status is not up to date");
        answers(asks("", DEVICE), "TCB status is not up to date");
        IAppAuth.AppBootInfo memory other = asks("UpToDate", DEVICE);
        other.appId = address(this);
        answers(other, "App id is another's");
        SealwrightApp.Change memory c = same();
        (c.allowAnyDevice, c.requireTcbUpToDate) = (true, false);
        change(c, 0, 1);
        approve(1, X);
        approve(2, X);
        answers(asks("Revoked", 0), "");
        revokeAll(0);
        answers(asks("UpToDate", DEVICE), "Compose hash not allowed");
    }

    function test_Interfaces() public view {
        holds(app.supportsInterface(0x01ffc9a7) && app.supportsInterface(0x1e079198), "those that are there");
        holds(!app.supportsInterface(0x8fd37527) && !app.supportsInterface(0xffffffff) && !app.supportsInterface(0), "and no others");
        holds(IAppAuth.isAppAllowed.selector == 0x1e079198 && app.version() == 2, "names");
    }

    function test_AddedOnceWhenItMayRunAndRemovedByName() public {
        vm.recordLogs();
        approve(0, X);
        told(1, 0, 0);
        approve(1, X);
        told(2, 1, 0);
        approve(2, X);
        told(1, 0, 0);
        revoke(0, X);
        told(2, 0, 1);
        revoke(1, X);
        told(1, 0, 0);
        lift(0, X);
        lift(1, X);
        told(2, 0, 0);
        approve(0, X);
        approve(1, X);
        told(3, 1, 0);
        revokeAll(2);
        told(1, 0, 0);
        revoke(0, X); // it ran not: nothing is removed
        told(1, 0, 0);
        change(same(), 0, 1);
        told(1, 0, 0);
    }

    function test_GettersSayWhatIsStored() public {
        revoke(1, X, false, 5);
        (uint32 active, uint32 everything, uint8 places, uint8 quorum, uint64 round, uint64 changes, bool any, bool tcb) = app.head();
        holds(active == 7 && everything == 0 && places == 3 && quorum == 2 && round == 1 && changes == 0 && !any && tcb, "head");
        holds(app.ownerAt(1).account == addressOf(1) && app.ownerAt(1).sequence == 5, "owner");
        holds(app.ownerAt(31).account == address(0), "nobody");
        refuses(SealwrightApp.NotAnOwner.selector);
        app.ownerAt(32);
        holds(app.composeOf(X).revocations == 2 && app.composeOf(X).round == 1, "compose");
        holds(app.openingOf(X).appRound == 0, "opening");
    }

    function asks(string memory tcb, bytes32 device) private view returns (IAppAuth.AppBootInfo memory info) {
        (info.appId, info.composeHash, info.deviceId, info.tcbStatus) = (address(app), X, device, tcb);
        info.advisoryIds = new string[](2);
        info.advisoryIds[1] = "INTEL-SA-00000";
    }

    function answers(IAppAuth.AppBootInfo memory info, string memory reason) private view {
        (bool may, string memory why) = app.isAppAllowed(info);
        holds(keccak256(bytes(why)) == keccak256(bytes(reason)), reason);
        holds(may == (bytes(reason).length == 0), "the answer and its reason");
    }

    /// @dev How many events since the last time, and how many of dstack's two.
    function told(uint256 all, uint256 added, uint256 removed) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 a;
        uint256 r;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == 0xfecb34306dd9d8b785b54d65489d06afc8822a0893ddacedff40c50a4942d0af) a++;
            if (logs[i].topics[0] == 0x755b79bd4b0eeab344d032284a99003b2ddc018b646752ac72d681593a6e8947) r++;
        }
        holds(logs.length == all && a == added && r == removed, "events");
    }
}
