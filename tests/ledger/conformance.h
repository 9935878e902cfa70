/* SPDX-License-Identifier: Apache-2.0
 *
 * What every ledger must say, whatever keeps it: one table of stories, run against each backend.
 * Each word of a story is [~]OWNER ACT TARGET: ~ says that the entry must be refused; acts are
 * + approve, ! revoke, ^ lift, > open, # a revocation that skips sequence numbers; targets are
 * compose hashes x, y, everything *, manifests m, n (of compose x). docs/formats/ledger.md, LDG-030
 * to LDG-037.
 */
#ifndef SW_TESTS_LEDGER_CONFORMANCE_H
#define SW_TESTS_LEDGER_CONFORMANCE_H
#include "ledger/people.h"

typedef struct story {
    const char *name, *words;
    const char *run;  /* word of sw_ledger_check_run for x; "" when it may run */
    const char *open; /* likewise of sw_ledger_check_open for m, every shard owner asked */
} story;

/* Owners A, B, C; quorum 2; the recipe lists shards of A and B. */
static const story stories[] = {
    {"nobody", "", "quorum", "quorum"},
    {"one of two", "A+x", "quorum", "quorum"},
    {"two of two", "A+x B+x", "", "quorum"},
    {"one owner twice", "A+x ~A+x", "quorum", "quorum"},
    {"approvals of another compose", "A+x B+y", "quorum", "quorum"},
    {"revoked by one", "A+x B+x C!x", "revoked", "revoked"},
    {"revoked before anybody approved", "C!x A+x B+x", "revoked", "revoked"},
    {"revoked everything", "A+x B+x C!*", "revoked", "revoked"},
    {"another compose revoked", "A+x B+x C!y", "", "quorum"},
    {"outvoted: the others approve again", "A+x B+x C!x A+x B+x", "revoked", "revoked"},
    {"lift by another", "A+x B+x C!x ~A^x ~B^x ~A^*", "revoked", "revoked"},
    {"lift of what was not revoked", "A+x ~A^x B+x ~B^*", "", "quorum"},
    {"lift of everything does not lift x", "A+x B+x C!x ~C^*", "revoked", "revoked"},
    {"lift of x does not lift everything", "A+x B+x C!* ~C^x", "revoked", "revoked"},
    {"approvals before the lift do not count", "A+x B+x C!x C^x", "quorum", "quorum"},
    {"approvals while revoked do not count", "C!x A+x B+x C^x", "quorum", "quorum"},
    {"approved again after the lift", "A+x B+x C!x C^x A+x B+x", "", "quorum"},
    {"the revoker may approve after the lift", "A+x B+x C!x C^x C+x A+x", "", "quorum"},
    {"approvals before the lift of everything", "A+x B+x C!* C^*", "quorum", "quorum"},
    {"approved again after all is lifted", "A+x C!* C^* A+x B+x", "", "quorum"},
    {"two revokers, one lifts", "A+x B!x C!x B^x A+x B+x", "revoked", "revoked"},
    {"two revokers, both lift", "B!x C!x B^x C^x A+x B+x", "", "quorum"},
    {"both revocations of one owner", "C!x C!* C^x A+x B+x", "revoked", "revoked"},
    {"a second revocation says nothing", "C!x ~C!x C^x A+x B+x", "", "quorum"},
    {"a second lift says nothing", "C!x C^x ~C^x A+x B+x", "", "quorum"},
    {"approver revokes", "A+x B+x A!x", "revoked", "revoked"},
    {"lift of another compose leaves x", "A+x B+x C!y C^y", "", "quorum"},
    {"open by all of the shard owners", "A+x B+x A>m B>m", "", ""},
    {"open needs no third owner", "A>m B>m", "quorum", ""},
    {"open by one", "A+x B+x A>m", "", "quorum"},
    {"an owner without a shard opens nothing", "A+x B+x A>m C>m", "", "quorum"},
    {"approval to run is no approval to open", "A+x B+x C+x", "", "quorum"},
    {"another manifest", "A>m B>n", "quorum", "quorum"},
    {"open twice by one", "A>m ~A>m", "quorum", "quorum"},
    {"open after revocation", "A>m B>m C!x", "revoked", "revoked"},
    {"open after revocation of everything", "A>m B>m C!*", "revoked", "revoked"},
    {"openings before the lift do not count", "A>m B>m C!x C^x", "quorum", "quorum"},
    {"opened again after the lift", "A>m B>m C!x C^x A>m B>m", "quorum", ""},
    {"withheld numbers are void", "A+x B+x A#y ~A+x", "", "quorum"},
    {"and what follows counts on", "A#y A^y A+x B+x", "", "quorum"},
    {"another compose revoked, opening stands", "A>m B>m C!y", "quorum", ""},
};
enum { SKIPPED = 5 };

static inline sw_recipe *recipe_of(const people *p) {
    static sw_recipe r;
    r = (sw_recipe){.genesis = p->genesis.hash, .shard_count = 3};
    r.shards[0].owner = r.shards[2].owner = p->genesis.owners[0].id;
    r.shards[1].owner = p->genesis.owners[1].id;
    return &r;
}

static inline sw_entry read_word(const people *p, const char *word, size_t owner) {
    sw_entry e;
    switch (word[1]) {
    case '+':
        return entry_about(p, owner, SW_PAYLOAD_APPROVE, word[2]);
    case '!':
        return entry_about(p, owner, SW_PAYLOAD_REVOKE, word[2]);
    case '#':
        e = entry_about(p, owner, SW_PAYLOAD_REVOKE, word[2]);
        e.sequence += SKIPPED;
        return e;
    case '^':
        return entry_about(p, owner, SW_PAYLOAD_LIFT, word[2]);
    default:
        assert_int_equal(word[1], '>');
        return opening_of(p, owner, word[2]);
    }
}

/* ---- a backend ---- */

typedef struct keeper {
    people *p;
    const char *refusal; /* the word of an entry that is refused */
    /* Puts the owner's entry, whose sequence number is given. */
    sw_status (*put)(struct keeper *k, size_t owner, const sw_entry *e, sw_error *err);
    /* The folded ledger now; the keeper's. */
    const sw_ledger *(*now)(struct keeper *k);
} keeper;

static inline void play(keeper *k, const char *words) {
    for (; *words != 0; words += strcspn(words, " "), words += *words == ' ') {
        sw_error err = {0};
        bool refused = *words == '~';
        if (refused) words++;
        size_t owner = (size_t)(*words - 'A');
        sw_entry e = read_word(k->p, words, owner);
        sw_status status = k->put(k, owner, &e, &err);
        if (status != (refused ? SW_REFUSED : SW_OK)) fail_msg("%s: %s", words, err.message);
        if (refused) assert_string_equal(err.word, k->refusal);
        if (!refused) k->p->sequences[owner] = e.sequence;
    }
}

static inline void judge(const people *p, const sw_ledger *l, const story *s) {
    sw_error err = {0};
    sw_hash x = named_hash('x'), m = named_hash('m');
    sw_status run = sw_ledger_check_run(l, &x, &err);
    assert_string_equal(run == SW_OK ? "" : err.word, s->run);
    sw_status open =
        sw_ledger_check_open(l, recipe_of(p), &x, &m, &p->genesis.owners[0].encryption_key, &err);
    assert_string_equal(open == SW_OK ? "" : err.word, s->open);
    assert_int_equal(sw_ledger_check_owners(l, recipe_of(p), &err), SW_OK);
    sw_approval a;
    sw_ledger_approval(l, &x, &a);
    assert_int_equal(a.approved, run == SW_OK);
    assert_int_equal(a.revoker_count > 0, strcmp(s->run, "revoked") == 0);
    for (size_t i = 0; i < p->count; i++)
        assert_int_equal(sw_ledger_sequence(l, &p->genesis.owners[i].id), p->sequences[i]);
}

/* ---- the local ledger as one ---- */

typedef struct local_keeper {
    keeper k;
    sw_ledger *ledger; /* not its own */
} local_keeper;

static inline sw_status put_local(keeper *k, size_t owner, const sw_entry *e, sw_error *err) {
    sw_ledger *l = ((local_keeper *)k)->ledger;
    sw_head before = sw_ledger_head(l);
    sw_status status = put(k->p, l, e, owner, err);
    sw_head after = sw_ledger_head(l);
    assert_int_equal(after.index, before.index + (status == SW_OK ? 1 : 0));
    return status;
}

static inline const sw_ledger *now_local(keeper *k) {
    return ((local_keeper *)k)->ledger;
}

static inline local_keeper keep_local(people *p, sw_ledger *l) {
    return (local_keeper){{p, "ledger", put_local, now_local}, l};
}

static inline void tell_story(keeper *k, const story *s) {
    print_message("# %s\n", s->name);
    memset(k->p->sequences, 0, sizeof k->p->sequences);
    play(k, s->words);
    judge(k->p, k->now(k), s);
}
#endif
