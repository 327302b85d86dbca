package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Certificate wraps the public half of the Access key into a self-signed X.509
// certificate in DER (RFC 5280), for clients that verify access tokens with
// one. The same ring and name always give the same certificate; it says
// nothing about hosts, and is no authority for anything.
func (r *Ring) Certificate(name string) ([]byte, error) {
	k, ok := r.keyFor(Access)
	if !ok {
		return nil, fmt.Errorf("certificate: no key for use %q", Access)
	}
	sum := sha256.Sum256([]byte(k.kid))
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(sum[:16]),
		Subject:      pkix.Name{CommonName: name},
		// When the key was made is not known, and it is good until it is replaced.
		NotBefore:             time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2125, 1, 1, 0, 0, 0, 0, time.UTC),
		SignatureAlgorithm:    x509.SHA256WithRSA, // deterministic
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	return x509.CreateCertificate(rand.Reader, template, template, k.private.Public(), k.private)
}
