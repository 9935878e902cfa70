// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SealwrightApp} from "../SealwrightApp.sol";
import {Base} from "./Base.sol";
import {Handler} from "./Handler.sol";
import {Model} from "./Model.sol";

/// @dev After every act the contract and the model say the same of everything.
contract InvariantTest is Base {
    Model private model;
    Handler private handler;
    uint64[32] private seen;

    function setUp() public override {
        super.setUp();
        model = new Model(3, 2);
        handler = new Handler(app, found(3, 2), model);
    }

    function targetContracts() external view returns (address[] memory them) {
        them = new address[](1);
        them[0] = address(handler);
    }

    function invariant_ContractAndJournalAgree() public {
        nothingRunsBelowTheQuorumOrUnderARevocation();
        everyWordIsWhatTheJournalSays();
        sequencesOnlyGrow();
    }

    function nothingRunsBelowTheQuorumOrUnderARevocation() private view {
        for (uint256 x = 0; x < 3; x++) {
            bool may = app.allowedComposeHashes(handler.composeOf(x));
            holds(may == model.mayRun(x), "what may run");
            if (may) holds(model.approvals(x) >= model.quorum() && model.quorum() > 0 && !model.revokedByAnybody(x), "a quorum");
        }
    }

    function everyWordIsWhatTheJournalSays() private view {
        (uint32 active, uint32 everything, uint8 places, uint8 quorum, uint64 round, uint64 changes,,) = app.head();
        holds(places == model.owners() && quorum == model.quorum() && round == model.appRound() && changes == model.changes(), "head");
        for (uint256 i = 0; i < places; i++) {
            holds((active >> i & 1 == 1) == model.isActive(i), "who is active");
            holds((everything >> i & 1 == 1) == model.revoked(i, 0, true), "whose revocation of everything stands");
            holds(app.ownerAt(uint8(i)).sequence == model.sequence(i) && app.ownerAt(uint8(i)).account == addressOf(i), "owner");
        }
        holds(active >> places == 0 && everything >> places == 0, "nobody else");
        for (uint256 x = 0; x < 3; x++) composeStands(x, places, round);
    }

    /// @dev Asked after every act; keeps what it saw.
    function sequencesOnlyGrow() private {
        for (uint8 i = 0; i < 32; i++) {
            uint64 now_ = app.ownerAt(i).sequence;
            holds(now_ >= seen[i] && now_ < uint64(1) << 53, "a sequence number went back");
            seen[i] = now_;
        }
    }

    function composeStands(uint256 x, uint256 places, uint64 appRound) private view {
        bytes32 hash = handler.composeOf(x);
        SealwrightApp.Compose memory c = app.composeOf(hash);
        uint32 standing = c.appRound == appRound ? c.approvals : 0;
        holds(c.round == model.round(x) && standing >> places == 0 && c.revocations >> places == 0, "round");
        for (uint256 i = 0; i < places; i++) {
            holds((standing >> i & 1 == 1) == model.approved(i, x), "who approved");
            holds((c.revocations >> i & 1 == 1) == model.revoked(i, x, false), "who revoked");
            for (uint256 n = 0; n < 2; n++) {
                (bytes32 m, bytes32 r) = handler.openingOf(n);
                SealwrightApp.Opening memory o = app.openingOf(keccak256(bytes.concat(hash, m, r)));
                uint32 open_ = o.appRound == appRound && o.round == c.round ? o.approvals : 0;
                holds((open_ >> i & 1 == 1) == model.opened(i, x, n), "who opened");
            }
        }
    }
}
