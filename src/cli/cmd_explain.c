/* SPDX-License-Identifier: Apache-2.0
 *
 * attest explain: what stands in evidence of any kind, shown and not judged.
 */
#include "cli/attest_input.h"

static sw_status attest_explain(sw_cli *cli, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_EXPLANATION_LIMIT);
    sw_attest_input in;
    SW_TRY(sw_attest_input_read(cli, sw_cli_argument(cli, 0), &in, err));
    sw_status status = sw_attest_explain(sw_cli_arena(cli), &in, &text, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", sw_cli_argument(cli, 0));
    SW_TRY(status);
    sw_cli_print(cli, "%.*s", (int)text.size, (const char *)text.data);
    sw_cli_print(cli, "nothing above was verified\n");
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "explanation", sw_buffer_bytes(&text));
    sw_cli_result(cli, root);
    return SW_OK;
}

const sw_command sw_commands_explain[] = {
    {"attest explain", "FILE", "show what stands in evidence, without judging it",
     "FILE is told from its bytes: a machine's evidence or a run's evidence.json, a TDX quote,\n"
     "what a dstack guest agent answered, an event log (JSON or CCEL), a GPU report or list, a\n"
     "reference manifest, certificates (PEM or DER), a revocation list, an OCSP answer, tokens, a\n"
     "key's signature chain, collateral, TCB info, a QE identity. Hexadecimal and base64 count as\n"
     "the bytes that they stand for, PEM behind other text as its blocks. Nothing is verified;\n"
     "what dstack's public simulator made is not even shown.",
     1, 1, NULL, attest_explain},
    {0},
};
