/* Known calls of libsodium. */
#include "said.h"

#include <sodium.h>

int main(void)
{
	unsigned char key[crypto_secretbox_KEYBYTES], nonce[crypto_secretbox_NONCEBYTES], text[32] = { 0 }, box[128], back[32];
	unsigned char open_key[crypto_sign_PUBLICKEYBYTES], sign_key[crypto_sign_SECRETKEYBYTES], digest[32];
	unsigned long long length;
	char stored[crypto_pwhash_STRBYTES];

	want(sodium_init() >= 0, "sodium_init");
	said("sodium_init", 1, "success", "");
	crypto_secretbox_keygen(key);
	randombytes_buf(nonce, sizeof(nonce));
	for (int i = 0; i < 3; i++)
		want(!crypto_secretbox_easy(box, text, sizeof(text), nonce, key), "a box");
	said("crypto_secretbox_easy", 3, "success", "");
	want(!crypto_secretbox_open_easy(back, box, sizeof(text) + crypto_secretbox_MACBYTES, nonce, key), "open a box");
	/* A box that was changed isn't opened. */
	box[0] ^= 1;
	want(crypto_secretbox_open_easy(back, box, sizeof(text) + crypto_secretbox_MACBYTES, nonce, key), "a changed box");
	said("crypto_secretbox_open_easy", 1, "success", "");
	said("crypto_secretbox_open_easy", 1, "failure", "");
	want(!crypto_sign_keypair(open_key, sign_key), "a key");
	said("crypto_sign_keypair", 1, "success", "");
	for (int i = 0; i < 2; i++)
		want(!crypto_sign(box, &length, text, sizeof(text), sign_key), "a signature");
	said("crypto_sign", 2, "success", "");
	want(!crypto_pwhash_str(stored, "password", 8, crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN), "a password");
	said("crypto_pwhash_str", 1, "success", "\"cost\":%llu,\"memory\":%llu",
	     (unsigned long long)crypto_pwhash_OPSLIMIT_MIN, (unsigned long long)crypto_pwhash_MEMLIMIT_MIN);
	want(!crypto_pwhash_str_verify(stored, "password", 8), "the password");
	said("crypto_pwhash_str_verify", 1, "success", "");
	want(!crypto_generichash(digest, sizeof(digest), text, sizeof(text), NULL, 0), "a digest");
	said_bulk("crypto_generichash", 1, "");
	return 0;
}
