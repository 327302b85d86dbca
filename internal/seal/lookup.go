package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
)

const (
	idLen      = 43      // characters: EncodeID of 32 bytes
	maxScratch = 4 << 10 // bytes of scratch a pooled MAC may keep
)

// lookupMAC is an HMAC with its key schedule done, and scratch space.
type lookupMAC struct {
	mac hash.Hash
	in  []byte
	sum [sha256.Size]byte
	out [idLen]byte
}

func newLookupMAC(key []byte) *lookupMAC {
	return &lookupMAC{mac: hmac.New(sha256.New, key)}
}

// idEncoding is base64url with a dot for the dash: an id that began with a dash
// would be taken for a flag wherever people type it.
var idEncoding = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._").WithPadding(base64.NoPadding)

// EncodeID writes a hash as an id of A-Z a-z 0-9 . and _, six bits a character.
func EncodeID(hash []byte) string { return idEncoding.EncodeToString(hash) }

// LookupID gives the name under which something that a client shows is kept:
// HMAC-SHA256 over purpose and secret, 43 characters as EncodeID writes. Without the
// ring nobody can compute it, nor tell from it anything about the secret. The
// same secret has unrelated ids for different purposes.
func (r *Ring) LookupID(purpose, secret string) string {
	m := r.macs.Get().(*lookupMAC)
	m.in = binary.BigEndian.AppendUint64(m.in[:0], uint64(len(purpose)))
	m.in = append(m.in, purpose...)
	m.in = append(m.in, secret...)
	m.mac.Reset()
	m.mac.Write(m.in)
	idEncoding.Encode(m.out[:], m.mac.Sum(m.sum[:0]))
	id := string(m.out[:])
	clear(m.in)
	if cap(m.in) > maxScratch {
		m.in = nil
	}
	r.macs.Put(m)
	return id
}
