/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tests/crypto/golden_pkcs8.sh with OpenSSL 3.0.22. Do not edit.
 */
#ifndef SW_TESTS_GOLDEN_PKCS8_H
#define SW_TESTS_GOLDEN_PKCS8_H

typedef struct golden_pkcs8 {
    const char *name, *passphrase;
    sw_status status;
    const char *pem;
} golden_pkcs8;

/* clang-format off */
static const char golden_pkcs8_secret[] = "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb";
static const golden_pkcs8 golden_pkcs8_cases[] = {
    {"plain", "", SW_OK,
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSZV4jvS51hMrJJzl\n"
     "mncoFJPrOa83PSNqH+QVywwte+uhRANCAASpJxnGGV1QhRBPRpqLmBTVg4/3K2BQ\n"
     "HixEZuXmezJayYU217YaGvS3jlt/lRwJAL6GPEA85lyb/Lk4JlciLRjE\n"
     "-----END PRIVATE KEY-----\n"
    },
    {"plain, passphrase not needed", "correct", SW_OK,
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSZV4jvS51hMrJJzl\n"
     "mncoFJPrOa83PSNqH+QVywwte+uhRANCAASpJxnGGV1QhRBPRpqLmBTVg4/3K2BQ\n"
     "HixEZuXmezJayYU217YaGvS3jlt/lRwJAL6GPEA85lyb/Lk4JlciLRjE\n"
     "-----END PRIVATE KEY-----\n"
    },
    {"scrypt 2^14 8 1", "correct", SW_OK,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjmzbc30emqOwICQAAC\n"
     "AQgCAQEwHQYJYIZIAWUDBAEqBBC4H/9YBrdo7mHFUXsJYDieBIGQ/RYcwo4mJHE4\n"
     "iGOztXsYkcISddzX21o9kdVnkCLZhJclKVQcHBF4e8D8m/habxTvqHqGUcglAofS\n"
     "jMayEleSD6T+VtGIBz/km9YMNrRzmvGybE/78PsRQYbzWVzJTAMOHPY7hRMPaAk8\n"
     "qteCdQVd15T/jVWht8SXcp6mdHTzD/Ye997FwykLD4g+YjcRDnXb\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"scrypt 2 1 1", "x", SW_OK,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHjME4GCSqGSIb3DQEFDTBBMCAGCSsGAQQB2kcECzATBAhSGJPzEKFDggIBAgIB\n"
     "AQIBATAdBglghkgBZQMEASoEEKgfuCet4vSXutP38UZNiyUEgZC7rWJwB+e/QXGQ\n"
     "3gg76FYqUKKlrpwa0R8PnlE+UI6xi/ojqAh7GnjXbZUBFzV4FToAd6Yi4wHz+Dyb\n"
     "M7xUWL9/M33B784x2WE01oBoa32zmv6Eb4DeNpnSmLSllLQvyFDysH7WaYWIbH7U\n"
     "GuSbo9zu2+IYpCDyZdkVdb/WPQXumdzOnsRTC2arUJL3HqQbk9g=\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"scrypt 2^10 8 16", "a passphrase of more than a few words, with , and ; and = inside", SW_OK,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjLJ50tK4zG8QICBAAC\n"
     "AQgCARAwHQYJYIZIAWUDBAEqBBCCNeOyoZHGhSUNGkLiPdJdBIGQvsn2oRt/njoP\n"
     "0LJS70wp6gJWueULd6lYwrHYERXRnsAZs5zyP9ChajcMc9OKfmnvXADewRKeo5Ll\n"
     "ackMKvlvN7dJjcwiQTVheTkFw+Tij8OcAc1yIMPz7Bu1jJb1HeG642/hYTX1/6Zc\n"
     "qPCqG+WUCRbVUrpK1YDSjy37X/pspDIAfrwgCyqIIBC2+O8lyPwc\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"no passphrase given", "", SW_REFUSED,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjmzbc30emqOwICQAAC\n"
     "AQgCAQEwHQYJYIZIAWUDBAEqBBC4H/9YBrdo7mHFUXsJYDieBIGQ/RYcwo4mJHE4\n"
     "iGOztXsYkcISddzX21o9kdVnkCLZhJclKVQcHBF4e8D8m/habxTvqHqGUcglAofS\n"
     "jMayEleSD6T+VtGIBz/km9YMNrRzmvGybE/78PsRQYbzWVzJTAMOHPY7hRMPaAk8\n"
     "qteCdQVd15T/jVWht8SXcp6mdHTzD/Ye997FwykLD4g+YjcRDnXb\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"wrong passphrase", "Correct", SW_UNAUTHENTIC,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjmzbc30emqOwICQAAC\n"
     "AQgCAQEwHQYJYIZIAWUDBAEqBBC4H/9YBrdo7mHFUXsJYDieBIGQ/RYcwo4mJHE4\n"
     "iGOztXsYkcISddzX21o9kdVnkCLZhJclKVQcHBF4e8D8m/habxTvqHqGUcglAofS\n"
     "jMayEleSD6T+VtGIBz/km9YMNrRzmvGybE/78PsRQYbzWVzJTAMOHPY7hRMPaAk8\n"
     "qteCdQVd15T/jVWht8SXcp6mdHTzD/Ye997FwykLD4g+YjcRDnXb\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"passphrase cut", "correc", SW_UNAUTHENTIC,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjmzbc30emqOwICQAAC\n"
     "AQgCAQEwHQYJYIZIAWUDBAEqBBC4H/9YBrdo7mHFUXsJYDieBIGQ/RYcwo4mJHE4\n"
     "iGOztXsYkcISddzX21o9kdVnkCLZhJclKVQcHBF4e8D8m/habxTvqHqGUcglAofS\n"
     "jMayEleSD6T+VtGIBz/km9YMNrRzmvGybE/78PsRQYbzWVzJTAMOHPY7hRMPaAk8\n"
     "qteCdQVd15T/jVWht8SXcp6mdHTzD/Ye997FwykLD4g+YjcRDnXb\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"passphrase with a space", "correct ", SW_UNAUTHENTIC,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjmzbc30emqOwICQAAC\n"
     "AQgCAQEwHQYJYIZIAWUDBAEqBBC4H/9YBrdo7mHFUXsJYDieBIGQ/RYcwo4mJHE4\n"
     "iGOztXsYkcISddzX21o9kdVnkCLZhJclKVQcHBF4e8D8m/habxTvqHqGUcglAofS\n"
     "jMayEleSD6T+VtGIBz/km9YMNrRzmvGybE/78PsRQYbzWVzJTAMOHPY7hRMPaAk8\n"
     "qteCdQVd15T/jVWht8SXcp6mdHTzD/Ye997FwykLD4g+YjcRDnXb\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"P-384 inside", "correct", SW_MALFORMED,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIIBFDBPBgkqhkiG9w0BBQ0wQjAhBgkrBgEEAdpHBAswFAQIqGuJlgIj+okCAgQA\n"
     "AgEIAgEBMB0GCWCGSAFlAwQBKgQQjG4BEV8y3qSrvfbpdNg6vwSBwIYk7Jlp7lAW\n"
     "TQTT5UIgZzcI9AWCt+fhphVX2myOzJPsqfVA3jt37VHfYR57TmnSTrerr1WQYMbn\n"
     "WFeEJKNejWr7URVAVKtr6GafrGA1eLUAKzJXvGNSZI3agcn46ZcbKysjTCDg+acW\n"
     "J2QBwW4HFI+GcRRr5wnn06NQ4uUOgb+P9lJTJKZWnGfIIjzBsBTdQ2xRiJPj7wGu\n"
     "aGV1cCr8qPwFpq7GXQErhZjB9tDLWC5uOAupawOBQFeCNn4o9oecrw==\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"AES-128", "correct", SW_MALFORMED,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgBzlVI+Yb+uAICBAAC\n"
     "AQgCAQEwHQYJYIZIAWUDBAECBBCZlERWfi1lJzQQgFO4LnBTBIGQ0rr1hi1gLVA5\n"
     "eiEj+f6+bUIUdBFXWyu4E0MS+7gnt2lsI6PfdUJPvdi2w7NJdA3YTX/Bh/l/LZW4\n"
     "jsX4aOm9RwpXv2FMgm8INXssyDbH2psI5vc4i4lVBaxmKoTuOTVzVU7ZAm+AcHsC\n"
     "EWGg4xZRxM5A9lp1PF1SyZU99RBrseyoRdQ9309wIIhxJ3EUIbc+\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"3DES", "correct", SW_MALFORMED,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHbMEYGCSqGSIb3DQEFDTA5MCEGCSsGAQQB2kcECzAUBAgNnGb/5izKcAICBAAC\n"
     "AQgCAQEwFAYIKoZIhvcNAwcECClox/IXrjl5BIGQqza28zzT/jPGDPWvwesnSsB0\n"
     "JCRWg43+h/QRvYHEI2lPhIlSMxyo/eoLb7VbvnLWLje3RQK7N0utlCNK9uNSYbnd\n"
     "Gkofz0svtlZZnQmC2dXj4ecaEO3PJ9mKeusZZgQSXQD6KBWmhftT8RizJvFxvuMS\n"
     "7nds2tXdfl/7JtdT+j+Ew+tG3ffsqEiTWCykMScJ\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"PBKDF2", "correct", SW_MALFORMED,
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgEpNXf2Kq6DQICCAAw\n"
     "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEN7BK0Fn7F4u9JyDCH+XwM4EgZDf\n"
     "zMUpEC3hc95CGJ0+rJPr+ENKh3JFmqXkPZLdulwF1JhmjQUiNTUimLhzuTgDuFCw\n"
     "p1Zb/tYsVv/+EESzLZ5I7mifFP8lyaK9HrrrPOPfsYpwKv3d1QDKCmwRU0PUMuNk\n"
     "VWMlMrUOEIwgD+q6Q6yF3987XPdK4ct0/xWbq7/ERJnxnq8bfyWTWlWrLwhNhws=\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n"
    },
    {"SEC 1", "", SW_MALFORMED,
     "-----BEGIN EC PRIVATE KEY-----\n"
     "MHcCAQEEIEmVeI70udYTKySc5Zp3KBST6zmvNz0jah/kFcsMLXvroAoGCCqGSM49\n"
     "AwEHoUQDQgAEqScZxhldUIUQT0aai5gU1YOP9ytgUB4sRGbl5nsyWsmFNte2Ghr0\n"
     "t45bf5UcCQC+hjxAPOZcm/y5OCZXIi0YxA==\n"
     "-----END EC PRIVATE KEY-----\n"
    },
    {"no public key", "", SW_MALFORMED,
     "-----BEGIN PRIVATE KEY-----\n"
     "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCBJlXiO9LnWEysknOWa\n"
     "dygUk+s5rzc9I2of5BXLDC176w==\n"
     "-----END PRIVATE KEY-----\n"
    },
    {"compressed public key", "", SW_MALFORMED,
     "-----BEGIN PRIVATE KEY-----\n"
     "MGcCAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcETTBLAgEBBCBJlXiO9LnWEysknOWa\n"
     "dygUk+s5rzc9I2of5BXLDC1766EkAyIAAqknGcYZXVCFEE9GmouYFNWDj/crYFAe\n"
     "LERm5eZ7MlrJ\n"
     "-----END PRIVATE KEY-----\n"
    },
    {"explicit curve", "", SW_MALFORMED,
     "-----BEGIN PRIVATE KEY-----\n"
     "MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB\n"
     "AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA\n"
     "///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV\n"
     "AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg\n"
     "9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A\n"
     "AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgSZV4jvS51hMr\n"
     "JJzlmncoFJPrOa83PSNqH+QVywwte+uhRANCAASpJxnGGV1QhRBPRpqLmBTVg4/3\n"
     "K2BQHixEZuXmezJayYU217YaGvS3jlt/lRwJAL6GPEA85lyb/Lk4JlciLRjE\n"
     "-----END PRIVATE KEY-----\n"
    },
    {"P-384", "", SW_MALFORMED,
     "-----BEGIN PRIVATE KEY-----\n"
     "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDALfhWBQRY7bRzM2ey/\n"
     "gl0qvkbBGPBKtKZHf6J7llOjVeDo/toB5TqXmZoWpADW0euhZANiAAS+buvqjaxW\n"
     "Vz/6YOk8CTpCS7okqbrfkv2ycK21yoB+BN/53YfHhk+svGQp7Uj/VK5Hyf0Vrdls\n"
     "3mldWT9R/KIhuKzl0w+a8Wz70b9O16RBF33GAQaLMiANEqR0/VAjY8Y=\n"
     "-----END PRIVATE KEY-----\n"
    },
    {"secp256k1", "", SW_MALFORMED,
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgvg2toLXGZC3QrkuLzWI4\n"
     "AYUTtNujvDmeg4KR7awLtd+hRANCAAQdY11rlFFk+9tzWmKhzseA4v+aXrOllZpT\n"
     "vLgOou3kr7wSybfNA7DuOVgBKWM7/DSx4QMKNzBKkzZF134moDS9\n"
     "-----END PRIVATE KEY-----\n"
    },
    {"Ed25519", "", SW_MALFORMED,
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEIAwvDbvMXr1Yp1BUZlzGqOseZTmMpViePc8Iz2ZI3eGu\n"
     "-----END PRIVATE KEY-----\n"
    },
};
/* clang-format on */

#endif
