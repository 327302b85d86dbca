package seal

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"sync"
)

// ErrOpen is every failure of [Ring.Open]: whoever tries boxes learns nothing
// from the error.
var ErrOpen = errors.New("box does not open")

// maxPurposes bounds the cache of derived keys. Purposes are constants of the
// program; if there are ever more, their keys are derived each time.
const maxPurposes = 256

// Seal closes plain in a box that opens only with this purpose and record:
//
//	key id (1 byte) | nonce (12) | AES-256-GCM ciphertext | tag (16)
//
// Each purpose has a key of its own. record is the key under which the box is
// kept, so that a box moved to another record does not open there. Nonces are
// random, so a purpose may have 2^32 boxes (NIST SP 800-38D §8.3).
func (r *Ring) Seal(purpose, record string, plain []byte) []byte {
	aead := r.boxes.get(r.sealing.Key, purpose)
	box := make([]byte, 1, 1+aead.Overhead()+len(plain))
	box[0] = r.sealing.ID
	return aead.Seal(box, nil, plain, boundTo(purpose, record))
}

// Open gives back what [Ring.Seal] closed with the same purpose and record.
// The only error is [ErrOpen].
func (r *Ring) Open(purpose, record string, box []byte) ([]byte, error) {
	if len(box) == 0 || box[0] != r.sealing.ID {
		return nil, ErrOpen
	}
	plain, err := r.boxes.get(r.sealing.Key, purpose).Open(nil, nil, box[1:], boundTo(purpose, record))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// boundTo encodes purpose and record so that no two pairs look alike.
func boundTo(purpose, record string) []byte {
	b := make([]byte, 0, 8+len(purpose)+len(record))
	b = binary.BigEndian.AppendUint64(b, uint64(len(purpose)))
	b = append(b, purpose...)
	return append(b, record...)
}

// aeadCache holds the derived key of each purpose in use. Its zero value is
// ready.
type aeadCache struct {
	mu    sync.RWMutex
	aeads map[string]cipher.AEAD
}

func (c *aeadCache) get(key []byte, purpose string) cipher.AEAD {
	c.mu.RLock()
	aead, ok := c.aeads[purpose]
	c.mu.RUnlock()
	if ok {
		return aead
	}
	aead = newAEAD(derive(key, "latchkey box: "+purpose, keySize))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aeads == nil {
		c.aeads = make(map[string]cipher.AEAD)
	}
	if len(c.aeads) < maxPurposes {
		c.aeads[purpose] = aead
	}
	return aead
}
