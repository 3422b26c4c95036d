/* Known calls of libgcrypt. */
#include "said.h"

#include <gcrypt.h>

int main(void)
{
	unsigned char key[32] = { 0 }, out[64];
	gcry_sexp_t parameters, pair;
	gcry_cipher_hd_t cipher;
	gcry_md_hd_t md;

	want(gcry_check_version(NULL) != NULL, "a version");
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	for (int i = 0; i < 3; i++)
		gcry_md_hash_buffer(GCRY_MD_SHA256, out, key, sizeof(key));
	said("gcry_md_hash_buffer", 3, "success", "\"digest\":%d", GCRY_MD_SHA256);
	want(!gcry_md_open(&md, GCRY_MD_SHA512, 0), "a digest");
	gcry_md_write(md, key, sizeof(key));
	want(gcry_md_read(md, GCRY_MD_SHA512) != NULL, "a digest");
	gcry_md_close(md);
	said("gcry_md_open", 1, "success", "\"digest\":%d", GCRY_MD_SHA512);
	said_bulk("gcry_md_read", 1, "\"digest\":%d", GCRY_MD_SHA512);
	for (int i = 0; i < 2; i++) {
		want(!gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CTR, 0), "a cipher");
		want(!gcry_cipher_setkey(cipher, key, sizeof(key)), "its key");
		want(!gcry_cipher_encrypt(cipher, out, sizeof(out), NULL, 0), "its use");
		gcry_cipher_close(cipher);
	}
	said("gcry_cipher_open", 2, "success", "\"cipher\":%d,\"mode\":%d", GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CTR);
	said("gcry_cipher_setkey", 2, "success", "\"key_length\":32");
	said_bulk("gcry_cipher_encrypt", 2, "");
	want(!gcry_kdf_derive("password", 8, GCRY_KDF_PBKDF2, GCRY_MD_SHA256, key, 16, 1000, 32, out), "a key");
	said("gcry_kdf_derive", 1, "success", "\"kdf\":%d,\"digest\":%d", GCRY_KDF_PBKDF2, GCRY_MD_SHA256);
	want(!gcry_sexp_build(&parameters, NULL, "(genkey (ecc (curve Ed25519)(flags eddsa)))"), "parameters");
	want(!gcry_pk_genkey(&pair, parameters), "a key");
	said("gcry_pk_genkey", 1, "success", "");
	return 0;
}
