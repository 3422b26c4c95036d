/* Known calls of NSS, without a database. */
#include "said.h"

#include <nss/nss.h>
#include <nss/pk11pub.h>
#include <nss/ssl.h>
#include <nss/sslproto.h>
#include <nspr/prinit.h>

int main(void)
{
	SSLVersionRange range = { SSL_LIBRARY_VERSION_TLS_1_2, SSL_LIBRARY_VERSION_TLS_1_3 };
	PK11RSAGenParams rsa = { 2048, 65537 };
	unsigned char text[16] = { 0 }, out[32];
	SECKEYPrivateKey *key;
	SECKEYPublicKey *open;
	PK11SlotInfo *slot;
	PK11SymKey *aes;

	want(NSS_NoDB_Init(".") == SECSuccess, "NSS");
	said("NSS_NoDB_Init", 1, "success", "");
	want(SSL_VersionRangeSetDefault(ssl_variant_stream, &range) == SECSuccess, "versions");
	said("SSL_VersionRangeSetDefault", 1, "success", "\"min_version\":%d,\"max_version\":%d", range.min, range.max);
	want(SSL_OptionSetDefault(SSL_ENABLE_SESSION_TICKETS, PR_TRUE) == SECSuccess, "an option");
	said("SSL_OptionSetDefault", 1, "success", "\"option\":%d,\"value\":1", SSL_ENABLE_SESSION_TICKETS);
	slot = PK11_GetInternalSlot();
	key = PK11_GenerateKeyPair(slot, CKM_RSA_PKCS_KEY_PAIR_GEN, &rsa, &open, PR_FALSE, PR_FALSE, NULL);
	want(key != NULL, "a key");
	said("PK11_GenerateKeyPair", 1, "success", "\"mechanism\":%d,\"bits\":2048", CKM_RSA_PKCS_KEY_PAIR_GEN);
	aes = PK11_KeyGen(slot, CKM_AES_KEY_GEN, NULL, 32, NULL);
	want(aes != NULL, "a key");
	said("PK11_KeyGen", 1, "success", "\"mechanism\":%d,\"key_length\":32", CKM_AES_KEY_GEN);
	for (int i = 0; i < 3; i++)
		want(PK11_HashBuf(SEC_OID_SHA256, out, text, sizeof(text)) == SECSuccess, "a digest");
	said("PK11_HashBuf", 3, "success", "\"oid_tag\":%d", SEC_OID_SHA256);
	want(PK11_GenerateRandom(out, sizeof(out)) == SECSuccess, "random numbers");
	said_bulk("PK11_GenerateRandom", 1, "");
	PK11_FreeSymKey(aes);
	SECKEY_DestroyPrivateKey(key);
	SECKEY_DestroyPublicKey(open);
	PK11_FreeSlot(slot);
	return 0;
}
