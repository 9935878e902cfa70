// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SealwrightApp} from "../SealwrightApp.sol";
import {Base} from "./Base.sol";

/// @dev A signature is good once, here, now, and in one spelling (CHN-021, CHN-022), whatever the words.
contract SignaturesTest is Base {
    function testFuzz_OnlyTheExactWordsAreSigned(bytes32 x, uint256 person, uint256 flip) public {
        uint8 place = uint8(person % 3);
        bytes memory good = signed(place, here(approveHash(x, 1, 0, 1)));
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(place, x, 1, 0, 1, flipped(good, flip % 520));
        refuses(SealwrightApp.BadSignature.selector);
        app.approve((place + 1) % 3, x, 1, 0, 1, good);
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(place, x ^ bytes32(uint256(1) << (flip % 256)), 1, 0, 1, good);
        app.approve(place, x, 1, 0, 1, good);
        refusesSequence(1, 1);
        app.approve(place, x, 1, 0, 1, good);
    }

    function testFuzz_HighSIsRefused(bytes32 x, uint256 person) public {
        uint8 place = uint8(person % 3);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(place), here(approveHash(x, 1, 0, 1)));
        bytes memory high = bytes.concat(r, bytes32(ORDER - uint256(s)), bytes1(55 - v));
        holds(ecrecover(here(approveHash(x, 1, 0, 1)), 55 - v, r, bytes32(ORDER - uint256(s))) == addressOf(place), "it recovers");
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(place, x, 1, 0, 1, high);
        app.approve(place, x, 1, 0, 1, bytes.concat(r, s, bytes1(v)));
    }

    function testFuzz_OtherLengthsAreRefused(bytes32 x, uint256 cut, bytes1 more) public {
        bytes memory good = signed(0, here(approveHash(x, 1, 0, 1)));
        bytes memory short = new bytes(cut % 65);
        for (uint256 i = 0; i < short.length; i++) short[i] = good[i];
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(0, x, 1, 0, 1, short);
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(0, x, 1, 0, 1, bytes.concat(good, more));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(0), here(approveHash(x, 1, 0, 1)));
        refuses(SealwrightApp.BadSignature.selector); // EIP-2098's short form
        app.approve(0, x, 1, 0, 1, bytes.concat(r, bytes32(uint256(s) | uint256(v - 27) << 255)));
        refuses(SealwrightApp.BadSignature.selector); // v as 0 or 1
        app.approve(0, x, 1, 0, 1, bytes.concat(r, s, bytes1(v - 27)));
    }

    function testFuzz_AnotherChainOrContractIsRefused(bytes32 x, uint64 chain, address contract_) public {
        vm.assume(chain != block.chainid && contract_ != address(app));
        bytes32 hash = approveHash(x, 1, 0, 1);
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(0, x, 1, 0, 1, signed(0, digestAt(address(app), chain, hash)));
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(0, x, 1, 0, 1, signed(0, digestAt(contract_, block.chainid, hash)));
        bytes memory good = signed(0, here(hash));
        SealwrightApp twin = found(3, 2);
        refuses(SealwrightApp.BadSignature.selector);
        twin.approve(0, x, 1, 0, 1, good);
        if (chain != 0) {
            vm.chainId(chain); // the chain is split in two, and the other half has another id
            refuses(SealwrightApp.BadSignature.selector);
            app.approve(0, x, 1, 0, 1, good);
            vm.chainId(home);
        }
        app.approve(0, x, 1, 0, 1, good);
    }

    function testFuzz_AnotherRoundIsRefused(bytes32 x, uint64 appRound, uint64 round) public {
        vm.assume(appRound != 1 || round != 0);
        bytes memory signature = signed(0, here(approveHash(x, appRound, round, 1)));
        refusesRound(1, 0);
        app.approve(0, x, appRound, round, 1, signature);
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(0, x, 1, 0, 1, signature);
        signature = signed(0, here(openHash(x, M, R, appRound, round, 1)));
        refusesRound(1, 0);
        app.open(0, x, M, R, appRound, round, 1, signature);
    }

    function testFuzz_OneActIsNotAnother(bytes32 x, bool everything) public {
        if (everything) x = 0;
        bytes memory revokes = signed(0, here(revokeHash(x, everything, 1)));
        bytes memory lifts = signed(0, here(liftHash(x, everything, 2)));
        refuses(SealwrightApp.BadSignature.selector);
        app.approve(0, x, 1, 0, 1, revokes);
        refuses(SealwrightApp.BadSignature.selector);
        app.lift(0, x, everything, 1, revokes);
        refuses(SealwrightApp.BadSignature.selector);
        app.revoke(0, x, everything, 2, lifts);
        refuses(SealwrightApp.BadSignature.selector);
        app.revoke(0, 0, !everything, 1, revokes);
        app.revoke(0, x, everything, 1, revokes);
        refuses(SealwrightApp.BadSignature.selector);
        app.revoke(0, x, everything, 2, lifts);
        app.lift(0, x, everything, 2, lifts);
    }

    function testFuzz_OpeningsNameTheirWords(bytes32 x, bytes32 m, bytes32 r, uint256 flip) public {
        bytes memory good = signed(1, here(openHash(x, m, r, 1, 0, 1)));
        bytes32 bit = bytes32(uint256(1) << (flip % 256));
        refuses(SealwrightApp.BadSignature.selector);
        app.open(1, x ^ bit, m, r, 1, 0, 1, good);
        refuses(SealwrightApp.BadSignature.selector);
        app.open(1, x, m ^ bit, r, 1, 0, 1, good);
        refuses(SealwrightApp.BadSignature.selector);
        app.open(1, x, m, r ^ bit, 1, 0, 1, good);
        app.open(1, x, m, r, 1, 0, 1, good);
        holds(app.openingOf(keccak256(bytes.concat(x, m, r))).approvals == 2, "its bit");
    }

    function testFuzz_ARevocationSkipsAhead(uint64 first, uint64 second) public {
        uint64 end = uint64(1) << 53;
        vm.assume(first > 0 && first < end);
        revoke(0, X, false, first);
        bytes memory signature = signed(0, here(revokeHash(Y, false, second)));
        if (second > first && second < end) {
            app.revoke(0, Y, false, second, signature);
            holds(last(0) == second, "the later number");
        } else {
            refusesSequence(first, second);
            app.revoke(0, Y, false, second, signature);
        }
    }

    function test_TheDomainIsThatOfTheSheet() public {
        holds(keccak256(bytes.concat(hex"1901", app.domainSeparator(), X)) == here(X), "here");
        vm.chainId(7);
        holds(keccak256(bytes.concat(hex"1901", app.domainSeparator(), X)) == digestAt(address(app), 7, X), "on another chain");
    }

    function flipped(bytes memory good, uint256 bit) private pure returns (bytes memory bad) {
        bad = bytes.concat(good);
        bad[bit / 8] = bytes1(uint8(bad[bit / 8]) ^ uint8(1 << (bit % 8)));
    }
}
