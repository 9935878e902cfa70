/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes that a service was given, one a chain. Format: docs/formats/kms.md (KMS-026).
 */
#include "kms/kms_internal.h"

static sw_status open_node(const sw_kms_node_place *place, sw_kms_node *out, sw_error *err) {
    const sw_rpc_options o = {.url = place->url, .timeout_ms = SW_KMS_NODE_CALL_MS};
    out->chain = place->chain;
    sw_status status = sw_rpc_open(&o, &out->rpc, err);
    if (status != SW_OK) sw_error_prefix(err, "--rpc");
    return status;
}

sw_status sw_kms_nodes_open(sw_kms *k, const sw_kms_options *o, sw_error *err) {
    if (o->node_count > SW_KMS_NODE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a key service has at most %d nodes",
                       SW_KMS_NODE_LIMIT);
    for (size_t i = 0; i < o->node_count; i++) {
        for (size_t n = 0; n < i; n++)
            if (o->nodes[n].chain == o->nodes[i].chain)
                return sw_fail(err, SW_USAGE, "usage", "--rpc: two nodes are given for one chain");
        SW_TRY(open_node(&o->nodes[i], &k->nodes[i], err));
        k->node_count = i + 1;
    }
    return SW_OK;
}

void sw_kms_nodes_close(sw_kms *k) {
    for (size_t i = 0; i < k->node_count; i++) sw_rpc_close(&k->nodes[i].rpc);
    k->node_count = 0;
}

sw_kms_node *sw_kms_node_of(sw_kms *k, uint64_t chain) {
    sw_kms_node *any = NULL;
    for (size_t i = 0; i < k->node_count; i++) {
        if (k->nodes[i].chain == chain) return &k->nodes[i];
        if (k->nodes[i].chain == 0) any = &k->nodes[i];
    }
    return any;
}
