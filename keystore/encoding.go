package keystore

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Every backend keeps an item as
//
//	8 bytes  expiry in unix milliseconds, big-endian, 0 for none
//	rest     the value
//
// so that a script on the server, a sweep and a person with a hex dump find the
// expiry at the same place.
const expirySize = 8

// Encode returns the bytes a backend stores for the item. Two items of one key
// are the same exactly when their encodings are.
func (i Item) Encode() []byte {
	b := make([]byte, expirySize, expirySize+len(i.Value))
	binary.BigEndian.PutUint64(b, uint64(millis(i.Expires)))
	return append(b, i.Value...)
}

// Decode is the inverse of Encode: it copies raw, and fails on bytes which no
// Encode has made.
func Decode(key string, raw []byte) (Item, error) {
	if len(raw) < expirySize {
		return Item{}, fmt.Errorf("keystore: %d bytes under %q are no item: was the store written by another program?", len(raw), key)
	}
	item := Item{Key: key, Value: append([]byte{}, raw[expirySize:]...)}
	ms := int64(binary.BigEndian.Uint64(raw))
	switch {
	case ms < 0:
		return Item{}, fmt.Errorf("keystore: the expiry under %q is out of range: was the store written by another program?", key)
	case ms > 0:
		item.Expires = time.UnixMilli(ms).UTC()
	}
	return item, nil
}

// millis is never 0 for an item that ends: one that ended before 1970 must not
// become one that never does.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.UnixMilli(), 1)
}
