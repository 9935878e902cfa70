/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said of a job before there are rows, weights or keys: whether the settings fit the
 * model's shape, and how large what comes out is at least.
 */
#include "train/engine.h"

static sw_status size_up(sw_engine *e, const sw_train_job *job, sw_train_sizes *out,
                         sw_error *err) {
    SW_TRY(sw_state_prefix(e, job, err));
    sw_state_sizes sizes = sw_state_sizes_of(e);
    *out = (sw_train_sizes){.state_bytes =
                                e->prefix.size + sw_state_numbers_bytes(&sizes) + sizeof(uint64_t),
                            .output_bytes = e->parameter_floats * sizeof(float)};
    return SW_OK;
}

sw_status sw_train_check(const sw_training *settings, const sw_model_config *config,
                         sw_train_sizes *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_rows rows = {0};
    sw_model model = {.config = *config,
                      .layers = SW_ARENA_NEW(&arena, sw_model_layer, config->num_hidden_layers)};
    if (!model.layers) return sw_fail(err, SW_MEMORY, "memory", "no memory for the model's shape");
    const sw_train_job job = {.settings = settings, .model = &model, .rows = &rows};
    const sw_engine_plan plan = {
        .model = &model, .settings = settings, .profile = settings->profile};
    sw_engine e = {0};
    SW_TRY(sw_training_check(settings, err));
    sw_status status = sw_engine_build(&arena, &plan, &e, err);
    if (status == SW_OK) status = size_up(&e, &job, out, err);
    sw_buffer_free(&e.prefix);
    return status;
}
