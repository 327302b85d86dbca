package keystore_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

func TestEncodeKeepsValueAndMilliseconds(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 890_123_456, time.UTC)
	got, err := keystore.Decode("k", keystore.Item{Key: "k", Value: []byte("v"), Expires: at}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if want := at.Truncate(time.Millisecond); !got.Expires.Equal(want) || got.Expires.Location() != time.UTC {
		t.Errorf("expires %v, want %v in UTC", got.Expires, want)
	}
	if string(got.Value) != "v" || got.Key != "k" {
		t.Errorf("got %+v", got)
	}
}

func TestItemEndedBefore1970NeverBecomesEndless(t *testing.T) {
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(-5, 0), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)} {
		got, err := keystore.Decode("k", keystore.Item{Key: "k", Expires: at}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if got.Live(time.Unix(1, 0)) {
			t.Errorf("an item that ended %v is live", at)
		}
	}
}

func TestDecodeRefusesForeignBytes(t *testing.T) {
	for _, raw := range [][]byte{nil, {}, []byte("1234567"), {0xff, 0, 0, 0, 0, 0, 0, 0, 'v'}} {
		if item, err := keystore.Decode("k", raw); err == nil {
			t.Errorf("%q is the item %+v", raw, item)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("12345678"))
	f.Add(keystore.Item{Value: []byte("value")}.Encode())
	f.Add(keystore.Item{Value: []byte{0, 0xff}, Expires: time.UnixMilli(math.MaxInt64)}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		item, err := keystore.Decode("k", raw)
		if err != nil {
			return
		}
		if again := item.Encode(); !bytes.Equal(again, raw) {
			t.Errorf("%x was encoded again as %x", raw, again)
		}
	})
}
