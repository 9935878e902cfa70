// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The ledger's rules once more, from docs/formats/ledger.md (LDG-030 to LDG-037) and CHN-025: a journal of what was accepted, and
/// every answer by reading it from one end to the other. No masks, no rounds kept: what stands is what the journal says.
contract Model {
    enum Kind {
        Approve,
        Open,
        Revoke,
        Lift,
        Change
    }

    struct Entry {
        Kind kind;
        uint8 owner;
        uint8 compose; // number of the compose hash; of no meaning with `everything`
        uint8 opening; // number of the manifest and recipient
        bool everything;
        uint64 sequence;
        int16 added; // number of owners that a change added; -1 - owner: whom it removed
        uint8 quorum;
    }

    Entry[] internal journal;
    uint256 internal immutable founders;
    uint256 internal immutable firstQuorum;

    constructor(uint256 founders_, uint256 quorum_) {
        (founders, firstQuorum) = (founders_, quorum_);
    }

    function append(Entry calldata e) external {
        journal.push(e);
    }

    // ---- owners ----

    function owners() public view returns (uint256 n) {
        n = founders;
        for (uint256 i = 0; i < journal.length; i++) {
            if (journal[i].kind == Kind.Change && journal[i].added > 0) n += uint16(journal[i].added);
        }
    }

    function isActive(uint256 owner) public view returns (bool) {
        for (uint256 i = 0; i < journal.length; i++) {
            if (journal[i].kind == Kind.Change && journal[i].added == -1 - int256(owner)) return false;
        }
        return owner < owners();
    }

    function activeCount() public view returns (uint256 n) {
        for (uint256 owner = 0; owner < owners(); owner++) {
            if (isActive(owner)) n++;
        }
    }

    function quorum() public view returns (uint256 k) {
        k = firstQuorum;
        for (uint256 i = 0; i < journal.length; i++) {
            if (journal[i].kind == Kind.Change) k = journal[i].quorum;
        }
    }

    function changes() public view returns (uint256 n) {
        for (uint256 i = 0; i < journal.length; i++) {
            if (journal[i].kind == Kind.Change) n++;
        }
    }

    /// @dev LDG-031: the number of this owner's last entry.
    function sequence(uint256 owner) public view returns (uint256 n) {
        for (uint256 i = 0; i < journal.length; i++) {
            if (journal[i].kind != Kind.Change && journal[i].owner == owner) n = journal[i].sequence;
        }
    }

    // ---- what stands ----

    /// @dev LDG-034: the owner's last word in these words is a revocation.
    function revoked(uint256 owner, uint256 compose, bool everything) public view returns (bool stands) {
        for (uint256 i = 0; i < journal.length; i++) {
            Entry memory e = journal[i];
            bool says = (e.kind == Kind.Revoke || e.kind == Kind.Lift) && e.owner == owner;
            if (says && e.everything == everything && (everything || e.compose == compose)) stands = e.kind == Kind.Revoke;
        }
    }

    function revokedByAnybody(uint256 compose) public view returns (bool) {
        for (uint256 owner = 0; owner < owners(); owner++) {
            if (revoked(owner, compose, false) || revoked(owner, 0, true)) return true;
        }
        return false;
    }

    /// @dev LDG-033: where the present round of this compose hash begins.
    function roundBegin(uint256 compose) public view returns (uint256 begin) {
        for (uint256 i = 0; i < journal.length; i++) {
            Entry memory e = journal[i];
            bool concerns = (e.kind == Kind.Revoke || e.kind == Kind.Lift) && (e.everything || e.compose == compose);
            if (concerns || e.kind == Kind.Change) begin = i + 1;
        }
    }

    function approved(uint256 owner, uint256 compose) public view returns (bool) {
        for (uint256 i = roundBegin(compose); i < journal.length; i++) {
            if (journal[i].kind == Kind.Approve && journal[i].owner == owner && journal[i].compose == compose) return true;
        }
        return false;
    }

    function opened(uint256 owner, uint256 compose, uint256 opening) public view returns (bool) {
        for (uint256 i = roundBegin(compose); i < journal.length; i++) {
            Entry memory e = journal[i];
            if (e.kind == Kind.Open && e.owner == owner && e.compose == compose && e.opening == opening) return true;
        }
        return false;
    }

    function approvals(uint256 compose) public view returns (uint256 n) {
        for (uint256 owner = 0; owner < owners(); owner++) {
            if (isActive(owner) && approved(owner, compose)) n++;
        }
    }

    /// @dev LDG-036.
    function mayRun(uint256 compose) public view returns (bool) {
        return !revokedByAnybody(compose) && approvals(compose) >= quorum();
    }

    // ---- the numbers that name a round, CHN-012 ----

    function appRound() public view returns (uint256 n) {
        n = 1;
        for (uint256 i = 0; i < journal.length; i++) {
            Entry memory e = journal[i];
            if (e.kind == Kind.Change || ((e.kind == Kind.Revoke || e.kind == Kind.Lift) && e.everything)) n++;
        }
    }

    function round(uint256 compose) public view returns (uint256 n) {
        for (uint256 i = 0; i < journal.length; i++) {
            Entry memory e = journal[i];
            if ((e.kind == Kind.Revoke || e.kind == Kind.Lift) && !e.everything && e.compose == compose) n++;
        }
    }
}
