/* SPDX-License-Identifier: Apache-2.0
 *
 * The question to an OCSP responder (RFC 6960 4.1.1): one certificate, unsigned, without a nonce,
 * because the answer is kept and judged by its dates.
 */
#include "crypto/ocsp.h"
#include "crypto/x509_internal.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

static bool request_put(OCSP_REQUEST *request, const sw_cert *cert, const sw_cert *issuer) {
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha384(), cert->x509, issuer->x509);
    if (id == NULL) return false;
    if (OCSP_request_add0_id(request, id) != NULL) return true;
    OCSP_CERTID_free(id);
    return false;
}

sw_status sw_ocsp_request(const sw_cert *cert, const sw_cert *issuer, sw_buffer *der,
                          sw_error *err) {
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    bool good = request != NULL && request_put(request, cert, issuer);
    int size = good ? i2d_OCSP_REQUEST(request, NULL) : -1;
    uint8_t *space = size > 0 ? sw_put_space(der, (size_t)size) : NULL;
    good = space != NULL && i2d_OCSP_REQUEST(request, &space) == size;
    OCSP_REQUEST_free(request);
    ERR_clear_error();
    if (good) return SW_OK;
    if (size > 0) return sw_buffer_check(der, "an OCSP request", err);
    return sw_fail(err, SW_INTERNAL, "internal", "an OCSP request cannot be made");
}
