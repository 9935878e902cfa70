// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SealwrightApp} from "../SealwrightApp.sol";
import {Base} from "./Base.sol";

/// @dev Changes of owners and settings (CHN-025), and the constructor.
contract ChangeTest is Base {
    function test_AChangeBeginsANewRoundOfEverything() public {
        approve(0, X);
        approve(1, X);
        runs(X, true);
        change(same(), 0, 1);
        runs(X, false);
        holds(roundNow() == 2, "round");
        approve(0, X);
        approve(1, X);
        runs(X, true);
    }

    function test_AnOwnerIsAddedAndRemoved() public {
        change(adding(addressOf(3)), 0, 2);
        approve(3, X);
        change(removing(3), 0, 1);
        runs(X, false);
        refuses(SealwrightApp.NotActive.selector);
        this.approveOut(3, X);
        refuses(SealwrightApp.NotActive.selector);
        this.revokeOut(3, X);
        refuses(SealwrightApp.NotActive.selector);
        this.openOut(3, X);
        refuses(SealwrightApp.NotActive.selector);
        this.sameOut(0, 3);
        approve(0, X);
        approve(1, X);
        runs(X, true);
    }

    function test_RemovingAnOwnerLiftsNothingOfTheirs() public {
        revoke(2, X);
        revokeAll(2);
        change(removing(2), 0, 1);
        approve(0, X);
        approve(1, X);
        approve(0, Y);
        approve(1, Y);
        runs(X, false);
        runs(Y, false);
        liftAll(2); // a removed owner may still lift
        approve(0, X);
        approve(1, X);
        runs(X, false);
        lift(2, X);
        approve(0, X);
        approve(1, X);
        runs(X, true);
        refuses(SealwrightApp.NotActive.selector);
        this.revokeOut(2, X);
    }

    function test_AnAddressStandsAtOnePlaceForEver() public {
        refuses(SealwrightApp.BadChange.selector);
        this.addOut(addressOf(2), 0, 1);
        change(removing(2), 0, 1);
        refuses(SealwrightApp.BadChange.selector);
        this.addOut(addressOf(2), 0, 1);
        refuses(SealwrightApp.BadChange.selector);
        this.addOut(address(0), 0, 1);
        SealwrightApp.Change memory c = same();
        c.add = new address[](2);
        (c.add[0], c.add[1]) = (addressOf(5), addressOf(5));
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1);
    }

    function test_PlacesEnd() public {
        SealwrightApp.Change memory c = same();
        c.add = new address[](29);
        for (uint256 i = 0; i < 29; i++) c.add[i] = addressOf(3 + i);
        c.quorum = 32;
        change(c, 0, 1);
        holds(app.ownerAt(31).account == addressOf(31), "the last place");
        uint8[] memory all = new uint8[](32);
        for (uint8 i = 0; i < 32; i++) all[i] = i;
        refuses(SealwrightApp.BadChange.selector);
        this.addOut(addressOf(40), all);
        c = removing(0);
        c.quorum = 31;
        change(c, all);
        for (uint8 i = 1; i < 32; i++) approve(i, X);
        runs(X, true);
    }

    function test_QuorumsThatNobodyReachesAreRefused() public {
        SealwrightApp.Change memory c = same();
        c.quorum = 0;
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1);
        c.quorum = 4;
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1);
        c.remove = new uint8[](1);
        c.quorum = 3;
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1);
        c.quorum = 2;
        change(c, 0, 1);
        c = removing(1);
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 1, 2);
        c.quorum = 1;
        change(c, 1, 2);
        uint8[] memory alone = new uint8[](1);
        alone[0] = 2;
        c = removing(2);
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, alone); // nobody would be left
    }

    function test_WhoIsNotThereIsNotRemoved() public {
        refuses(SealwrightApp.BadChange.selector);
        this.removeOut(3, 0, 1);
        refuses(SealwrightApp.BadChange.selector);
        this.removeOut(255, 0, 1);
        SealwrightApp.Change memory c = same();
        c.remove = new uint8[](2);
        (c.remove[0], c.remove[1], c.quorum) = (2, 2, 1);
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1);
    }

    function test_SignersAreDistinctActiveAndEnough() public {
        uint8[] memory places = new uint8[](1);
        vm.expectRevert(abi.encodeWithSelector(SealwrightApp.BelowQuorum.selector, 1, 2));
        this.sameOut(places);
        refuses(SealwrightApp.BadChange.selector);
        this.sameOut(1, 1); // one owner twice
        refuses(SealwrightApp.BadChange.selector);
        this.sameOut(1, 0);
        refuses(SealwrightApp.NotAnOwner.selector);
        this.sameOut(0, 3);
        places = new uint8[](3);
        (places[1], places[2]) = (1, 2);
        change(same(), places); // more than the quorum
        bytes[] memory signatures = new bytes[](3);
        SealwrightApp.Change memory c = same();
        refuses(SealwrightApp.BadSignature.selector);
        app.change(c, places, signatures);
        refuses(SealwrightApp.BadChange.selector);
        app.change(c, places, new bytes[](2));
    }

    function test_AChangeIsMadeOnce() public {
        SealwrightApp.Change memory c = same();
        refusesSequence(0, 2);
        this.changeOut(numbered(c, 2), 0, 1);
        change(numbered(c, 1), 0, 1);
        refusesSequence(1, 1);
        this.changeOut(c, 0, 1);
        refusesSequence(1, 0);
        this.changeOut(numbered(c, 0), 0, 1);
    }

    function test_EachMemberOfAChangeIsSigned() public {
        uint8[] memory places = new uint8[](2);
        places[1] = 1;
        SealwrightApp.Change memory c = adding(addressOf(3));
        c.addDevices = new bytes32[](1);
        c.addDevices[0] = keccak256("new device");
        bytes[] memory signatures = new bytes[](2);
        for (uint256 i = 0; i < 2; i++) signatures[i] = signed(i, here(changeHash(c)));
        for (uint256 member = 0; member < 7; member++) {
            refuses(SealwrightApp.BadSignature.selector);
            app.change(otherwise(c, member), places, signatures);
        }
        app.change(c, places, signatures);
    }

    function test_SettingsAndDevices() public {
        SealwrightApp.Change memory c = same();
        bytes32 other = keccak256("other device");
        c.addDevices = new bytes32[](1);
        c.removeDevices = new bytes32[](1);
        (c.addDevices[0], c.removeDevices[0], c.allowAnyDevice, c.requireTcbUpToDate) = (other, DEVICE, true, false);
        change(c, 0, 1);
        holds(app.allowedDeviceIds(other) && !app.allowedDeviceIds(DEVICE), "devices");
        holds(app.allowAnyDevice() && !app.requireTcbUpToDate(), "settings");
        c = same();
        c.addDevices = new bytes32[](1);
        c.addDevices[0] = other;
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1); // it is there
        c.addDevices[0] = 0;
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1);
        c.addDevices = new bytes32[](0);
        c.removeDevices = new bytes32[](1);
        c.removeDevices[0] = DEVICE;
        refuses(SealwrightApp.BadChange.selector);
        this.changeOut(c, 0, 1); // it is not there any more
    }

    function test_FoundingRefusesWhatMakesNoApp() public {
        refuses(SealwrightApp.BadChange.selector);
        found(0, 0);
        refuses(SealwrightApp.BadChange.selector);
        found(0, 1);
        refuses(SealwrightApp.BadChange.selector);
        found(2, 3);
        refuses(SealwrightApp.BadChange.selector);
        found(2, 0);
        refuses(SealwrightApp.BadChange.selector);
        found(33, 1);
        found(32, 32);
        address[] memory accounts = new address[](2);
        bytes32[] memory devices = new bytes32[](2);
        (accounts[0], accounts[1]) = (addressOf(1), addressOf(1));
        refuses(SealwrightApp.BadChange.selector);
        new SealwrightApp(accounts, 1, false, new bytes32[](0), true);
        accounts[1] = address(0);
        refuses(SealwrightApp.BadChange.selector);
        new SealwrightApp(accounts, 1, false, new bytes32[](0), true);
        accounts[1] = addressOf(2);
        refuses(SealwrightApp.BadChange.selector);
        new SealwrightApp(accounts, 1, false, devices, true); // no device is zero
        (devices[0], devices[1]) = (DEVICE, DEVICE);
        refuses(SealwrightApp.BadChange.selector);
        new SealwrightApp(accounts, 1, false, devices, true);
    }

    function numbered(SealwrightApp.Change memory c, uint64 number) private pure returns (SealwrightApp.Change memory) {
        c.change = number;
        return c;
    }

    function otherwise(SealwrightApp.Change memory c, uint256 member) private pure returns (SealwrightApp.Change memory o) {
        o = abi.decode(abi.encode(c), (SealwrightApp.Change));
        if (member == 0) o.add[0] = addressOf(4);
        if (member == 1) o.remove = new uint8[](1);
        if (member == 2) o.quorum = 1;
        if (member == 3) o.allowAnyDevice = true;
        if (member == 4) o.addDevices = new bytes32[](0);
        if (member == 5) o.removeDevices = new bytes32[](1);
        if (member == 6) o.requireTcbUpToDate = false;
    }

    function approveOut(uint8 i, bytes32 x) external {
        approve(i, x);
    }

    function openOut(uint8 i, bytes32 x) external {
        open(i, x, M, R);
    }

    function revokeOut(uint8 i, bytes32 x) external {
        revoke(i, x);
    }

    function changeOut(SealwrightApp.Change memory c, uint8 first, uint8 second) external {
        change(c, first, second);
    }

    function changeOut(SealwrightApp.Change memory c, uint8[] memory places) external {
        change(c, places);
    }

    function addOut(address account, uint8 first, uint8 second) external {
        change(adding(account), first, second);
    }

    function addOut(address account, uint8[] memory places) external {
        change(adding(account), places);
    }

    function removeOut(uint8 place, uint8 first, uint8 second) external {
        change(removing(place), first, second);
    }

    function sameOut(uint8 first, uint8 second) external {
        change(same(), first, second);
    }

    function sameOut(uint8[] memory places) external {
        change(same(), places);
    }
}
