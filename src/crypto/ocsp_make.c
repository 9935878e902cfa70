/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers that we give (RFC 6960 4.2): the software machine's authorities about their own
 * certificates.
 *
 * OpenSSL signs with the time of its own clock in producedAt; the caller's stands there instead, so
 * what is made follows from the arguments.
 */
#include "crypto/crypto_internal.h"
#include "crypto/ocsp.h"
#include "crypto/openssl.h"
#include "crypto/x509_internal.h"

#include <openssl/ocsp.h>

enum { NO_REASON = -1 };

/* A view of the answer's own. */
static ASN1_GENERALIZEDTIME *produced_at(const OCSP_BASICRESP *basic) {
    return (ASN1_GENERALIZEDTIME *)(uintptr_t)OCSP_resp_get0_produced_at(basic);
}

static bool good_add(OCSP_BASICRESP *basic, const sw_ocsp_plan *plan) {
    time_t now = (time_t)(plan->this_update_ms / 1000);
    ASN1_GENERALIZEDTIME *from = ASN1_GENERALIZEDTIME_set(NULL, now);
    ASN1_GENERALIZEDTIME *until =
        ASN1_GENERALIZEDTIME_set(NULL, (time_t)(plan->next_update_ms / 1000));
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha384(), plan->cert->x509, plan->issuer->x509);
    bool good = from != NULL && until != NULL && id != NULL &&
                OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, NO_REASON, NULL, from,
                                       until) != NULL &&
                ASN1_GENERALIZEDTIME_set(produced_at(basic), now) != NULL;
    OCSP_CERTID_free(id);
    ASN1_GENERALIZEDTIME_free(until);
    ASN1_GENERALIZEDTIME_free(from);
    return good;
}

static sw_status response_put(OCSP_BASICRESP *basic, sw_buffer *der, sw_error *err) {
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    int size = response == NULL ? -1 : i2d_OCSP_RESPONSE(response, NULL);
    uint8_t *space = size > 0 ? sw_put_space(der, (size_t)size) : NULL;
    bool good = space != NULL && i2d_OCSP_RESPONSE(response, &space) == size;
    OCSP_RESPONSE_free(response);
    if (good) return SW_OK;
    SW_TRY(sw_buffer_check(der, "an OCSP answer", err));
    return sw_openssl_failed(err, "encoding an OCSP answer");
}

static sw_status make(const sw_ocsp_plan *plan, EVP_PKEY *signer, sw_buffer *der, sw_error *err) {
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    bool good = basic != NULL && good_add(basic, plan) &&
                OCSP_basic_sign(basic, plan->issuer->x509, signer, EVP_sha384(), NULL,
                                OCSP_NOCERTS | OCSP_RESPID_KEY | OCSP_NOTIME) == 1;
    sw_status status =
        good ? response_put(basic, der, err) : sw_openssl_failed(err, "signing an OCSP answer");
    OCSP_BASICRESP_free(basic);
    return status;
}

sw_status sw_ocsp_make_p384(const sw_ocsp_plan *plan,
                            const uint8_t issuer_secret[SW_P384_SECRET_BYTES], sw_buffer *der,
                            sw_error *err) {
    sw_p384_public signing;
    EVP_PKEY *signer = NULL;
    if (plan->this_update_ms >= plan->next_update_ms)
        return sw_fail(err, SW_USAGE, "usage", "an OCSP answer would end before it begins");
    SW_TRY(sw_cert_key_p384(plan->issuer, &signing, err));
    SW_TRY(sw_p384_evp_signer(issuer_secret, &signing, &signer, err));
    sw_status status = make(plan, signer, der, err);
    EVP_PKEY_free(signer);
    return status;
}
