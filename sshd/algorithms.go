package sshd

import (
	"crypto/rsa"
	"fmt"

	gossh "golang.org/x/crypto/ssh"
)

const (
	// minRSA and maxRSA bound users' RSA keys in bits: the lower one by
	// strength, the upper one by what a signature costs to check.
	minRSA = 2048
	maxRSA = 8192

	minHostRSA = 3072

	// keyDSS is the weak kind of key that Artifactory's profile page still
	// lists (RFC 4253 §6.6).
	keyDSS = "ssh-dss"
)

// algorithms is the common part of the negotiation, best first. The library's
// defaults have SHA-1 in them; what is not written here is not spoken. Strict
// key exchange (against CVE-2023-48795) is always offered by the library.
// Finite-field Diffie-Hellman is left out: it costs the server ten times as
// much as an elliptic curve, before anybody has logged in.
func algorithms() gossh.Config {
	return gossh.Config{
		KeyExchanges: []string{
			gossh.KeyExchangeMLKEM768X25519,
			gossh.KeyExchangeCurve25519,
			gossh.KeyExchangeECDHP256,
			gossh.KeyExchangeECDHP384,
			gossh.KeyExchangeECDHP521,
		},
		Ciphers: []string{
			gossh.CipherChaCha20Poly1305,
			gossh.CipherAES128GCM,
			gossh.CipherAES256GCM,
			gossh.CipherAES128CTR,
			gossh.CipherAES192CTR,
			gossh.CipherAES256CTR,
		},
		MACs: []string{gossh.HMACSHA256ETM, gossh.HMACSHA512ETM},
	}
}

// signatures are the forms in which a client may prove its key. ssh-rsa, which
// is RSA with SHA-1, is not among them: RSA keys sign with SHA-2 (RFC 8332).
func signatures(allowDSS bool) []string {
	list := []string{
		gossh.KeyAlgoED25519,
		gossh.KeyAlgoSKED25519,
		gossh.KeyAlgoECDSA256,
		gossh.KeyAlgoECDSA384,
		gossh.KeyAlgoECDSA521,
		gossh.KeyAlgoSKECDSA256,
		gossh.KeyAlgoRSASHA256,
		gossh.KeyAlgoRSASHA512,
	}
	if allowDSS {
		list = append(list, keyDSS)
	}
	return list
}

// keyFault says what is wrong with a key of a client; "" if nothing.
func keyFault(key gossh.PublicKey, allowDSS bool) string {
	if _, yes := key.(*gossh.Certificate); yes {
		return "certificates are not accepted"
	}
	switch key.Type() {
	case gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoSKECDSA256,
		gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521:
		return ""
	case gossh.KeyAlgoRSA:
		if bits := rsaBits(key); bits < minRSA || bits > maxRSA {
			return fmt.Sprintf("RSA keys must have %d to %d bits, this one has %d", minRSA, maxRSA, bits)
		}
		return ""
	case keyDSS:
		if allowDSS {
			return ""
		}
	}
	return key.Type() + " keys are not accepted"
}

// rsaBits is the length of an RSA key's modulus; 0 if it is none.
func rsaBits(key gossh.PublicKey) int {
	k, ok := key.(gossh.CryptoPublicKey)
	if !ok {
		return 0
	}
	pub, ok := k.CryptoPublicKey().(*rsa.PublicKey)
	if !ok {
		return 0
	}
	return pub.N.BitLen()
}
