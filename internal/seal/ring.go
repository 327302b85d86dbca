// Package seal holds the keys. A [MasterKey], kept in a file outside the
// store, wraps a [Ring] of random keys, kept in the store; everything else is
// done with the ring:
//
//   - [Ring.LookupID] turns a secret into the name of its record, so that the
//     store never holds the secret itself;
//   - [Ring.Seal] and [Ring.Open] keep what must be read again, bound to its
//     purpose and its record;
//   - [Ring.SignJWT] and [Ring.VerifyJWT] make and check signed tokens.
//
// Because the master key only wraps, replacing it re-wraps the ring in one
// write and changes no id, no box and no token. [Ring.Renew] is for the day
// when the keys themselves are known to someone else.
//
// The package stores nothing, knows no user and judges no claim: a token that
// verifies was signed by this ring and unchanged, nothing more.
package seal

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

const (
	ringPrefix = "latchkey-ring-1:"
	keySize    = 32       // bytes of a lookup or sealing key
	rsaBits    = 2048     // what clients of access tokens expect of RS256
	maxRing    = 64 << 10 // bytes of a wrapped ring; a new one has about 3 KiB
)

// ErrWrongMasterKey is the error of [OpenRing] when the ring was wrapped under
// another master key. Its text names the fingerprints of both.
var ErrWrongMasterKey = errors.New("wrong master key")

// Ring is a set of random keys: one for lookup ids, one for boxes, one per
// [Use] for tokens. It does not change after it is made and is safe for
// concurrent use. It prints as [secret].
type Ring struct {
	lookup  []byte
	sealing sealingKey
	signing [len(uses)]signingKey

	macs  sync.Pool // of *lookupMAC
	boxes aeadCache
}

// A sealingKey is named by the first byte of the boxes it closed.
type sealingKey struct {
	ID  byte   `json:"id"`
	Key []byte `json:"key"`
}

// ringForm is what a wrapped ring contains. Binary is base64, signing keys are
// PKCS #8.
type ringForm struct {
	Lookup  []byte         `json:"lookup"`
	Sealing []sealingKey   `json:"sealing"` // exactly one
	Signing map[Use][]byte `json:"signing"`
}

// NewRing makes a ring of new random keys. It takes some tenths of a second:
// one of the keys is RSA.
func NewRing() (*Ring, error) {
	return newRing(1)
}

func newRing(sealingID byte) (*Ring, error) {
	form := ringForm{
		Lookup:  random(keySize),
		Sealing: []sealingKey{{ID: sealingID, Key: random(keySize)}},
		Signing: make(map[Use][]byte),
	}
	for _, u := range uses {
		key, err := newSigner(u)
		if err != nil {
			return nil, fmt.Errorf("make %s key: %w", u, err)
		}
		if form.Signing[u], err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			return nil, fmt.Errorf("make %s key: %w", u, err)
		}
	}
	return form.ring()
}

func newSigner(u Use) (crypto.Signer, error) {
	if u == Access {
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails, crypto/rand
	return b
}

// ring checks every key, so that a ring that opened is a ring that works.
func (form ringForm) ring() (*Ring, error) {
	if len(form.Lookup) != keySize {
		return nil, errors.New("the lookup key is missing or has the wrong length")
	}
	if len(form.Sealing) != 1 || len(form.Sealing[0].Key) != keySize {
		return nil, errors.New("there is not one sealing key of the right length")
	}
	r := &Ring{lookup: form.Lookup, sealing: form.Sealing[0]}
	if len(form.Signing) != len(uses) {
		return nil, errors.New("a signing key is missing or unknown")
	}
	for i, u := range uses {
		k, err := parseSigningKey(u, form.Signing[u])
		if err != nil {
			return nil, err
		}
		r.signing[i] = k
	}
	r.macs.New = func() any { return newLookupMAC(r.lookup) }
	return r, nil
}

func (r *Ring) form() (ringForm, error) {
	form := ringForm{Lookup: r.lookup, Sealing: []sealingKey{r.sealing}, Signing: make(map[Use][]byte)}
	for i := range r.signing {
		der, err := x509.MarshalPKCS8PrivateKey(r.signing[i].private)
		if err != nil {
			return ringForm{}, err
		}
		form.Signing[r.signing[i].use] = der
	}
	return form, nil
}

// Renew makes a ring of which every key is new. Nothing made with r, be it an
// id, a box or a token, is known to the new ring: it is the answer to a
// compromise.
func (r *Ring) Renew() (*Ring, error) {
	return newRing(r.sealing.ID + 1)
}

// Wrap seals the ring under the master key. The result is one line of
// printable text:
//
//	latchkey-ring-1:<fingerprint of m>:<base64url of a box>
func (r *Ring) Wrap(m *MasterKey) ([]byte, error) {
	form, err := r.form()
	if err != nil {
		return nil, fmt.Errorf("wrap ring: %w", err)
	}
	plain, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("wrap ring: %w", err)
	}
	head := ringPrefix + m.Fingerprint() + ":"
	box := m.aead().Seal(nil, nil, plain, []byte(head))
	return base64.RawURLEncoding.AppendEncode([]byte(head), box), nil
}

// OpenRing opens what [Ring.Wrap] made. A ring under another master key is
// [ErrWrongMasterKey]; any other error means that the text is damaged.
func OpenRing(m *MasterKey, wrapped []byte) (*Ring, error) {
	if len(wrapped) > maxRing {
		return nil, errors.New("open ring: it is too long to be one: restore the store from a backup")
	}
	rest, ok := strings.CutPrefix(string(wrapped), ringPrefix)
	if !ok {
		return nil, fmt.Errorf("open ring: it does not begin with %q: restore the store from a backup, or start the version that wrote it", ringPrefix)
	}
	fingerprint, encoded, ok := strings.Cut(rest, ":")
	if !ok || !isFingerprint(fingerprint) || !isBase64URL(encoded) {
		return nil, errors.New("open ring: it is damaged: restore the store from a backup")
	}
	if mine := m.Fingerprint(); fingerprint != mine {
		return nil, fmt.Errorf("open ring: %w: the store's keys are wrapped under the key %s, the key file holds %s: use the file that belongs to this store", ErrWrongMasterKey, fingerprint, mine)
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, errors.New("open ring: it is damaged: restore the store from a backup")
	}
	plain, err := m.aead().Open(nil, nil, box, []byte(ringPrefix+fingerprint+":"))
	if err != nil {
		return nil, errors.New("open ring: it is damaged: restore the store from a backup")
	}
	// Unknown fields are keys of a newer version; leaving them out at the
	// next Wrap would destroy them.
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	var form ringForm
	if err := d.Decode(&form); err != nil {
		return nil, errors.New("open ring: its content is unknown: start the version that wrote it")
	}
	r, err := form.ring()
	if err != nil {
		return nil, fmt.Errorf("open ring: %w: start the version that wrote it", err)
	}
	return r, nil
}

func (m *MasterKey) aead() cipher.AEAD {
	return newAEAD(derive(m.key[:], "latchkey ring wrapping", keySize))
}

// newAEAD gives AES-256-GCM that puts a random nonce before each box.
func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("seal: " + err.Error()) // the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: " + err.Error()) // the block is AES
	}
	return aead
}

func isFingerprint(s string) bool {
	return len(s) == 2*fingerprintSize && strings.Trim(s, "0123456789abcdef") == ""
}

// Format prints [secret] for every verb.
func (r *Ring) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }
