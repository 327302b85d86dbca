package storetest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// hostileKeys mean something to a glob, a path, a shell, a script or a wire.
var hostileKeys = []string{
	"*", "?", "[", "]", "[a-z]", "[^a]", `\`, `\*`, "a*b", "a?b", `a\b`, "{tag}", "}{", "",
	" ", "\n", "\r\nDEL x\r\n", "\x00", "a\x00b", "\xff\xfe", "ü/é", "../../etc/passwd", "%s%d", "beat/x", "feed",
}

func testItems(t *testing.T, open Open) {
	s := open(t, time.Now)

	t.Run("a created item is read back", func(t *testing.T) {
		at := time.Now().Add(time.Hour)
		create(t, s, keystore.Item{Key: "k/one", Value: []byte("1"), Expires: at})
		got := get(t, s, "k/one")
		if got.Key != "k/one" || string(got.Value) != "1" {
			t.Errorf("got %+v", got)
		}
		if !got.Expires.Equal(at.Truncate(time.Millisecond)) || got.Expires.Location() != time.UTC {
			t.Errorf("expires %v, want %v in UTC", got.Expires, at.Truncate(time.Millisecond))
		}
	})
	t.Run("an item without expiry has the zero time", func(t *testing.T) {
		create(t, s, text("k/endless", "1"))
		if got := get(t, s, "k/endless"); !got.Expires.IsZero() {
			t.Errorf("expires %v", got.Expires)
		}
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		for _, key := range []string{"nothing", "", "k/on", "k/one/", strings.Repeat("x", keystore.MaxKey+1)} {
			_, err := s.Get(deadline(t), key)
			wantErr(t, "get", err, keystore.ErrNotFound)
			wantErr(t, "delete", s.Delete(deadline(t), key), keystore.ErrNotFound)
		}
	})
	t.Run("create refuses a taken key and changes nothing", func(t *testing.T) {
		create(t, s, text("k/taken", "first"))
		wantErr(t, "create", s.Create(deadline(t), text("k/taken", "second")), keystore.ErrExists)
		wantErr(t, "create of the same", s.Create(deadline(t), text("k/taken", "first")), keystore.ErrExists)
		if got := get(t, s, "k/taken"); string(got.Value) != "first" {
			t.Errorf("value %q", got.Value)
		}
	})
	t.Run("replace swaps value and expiry", func(t *testing.T) {
		create(t, s, text("k/swap", "old"))
		old := get(t, s, "k/swap")
		next := keystore.Item{Key: "k/swap", Value: []byte("new"), Expires: time.Now().Add(time.Hour)}
		if err := s.Replace(deadline(t), old, next); err != nil {
			t.Fatal(err)
		}
		got := get(t, s, "k/swap")
		if string(got.Value) != "new" || got.Expires.IsZero() {
			t.Errorf("got %+v", got)
		}
		endless := keystore.Item{Key: "k/swap", Value: []byte("new")}
		if err := s.Replace(deadline(t), got, endless); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "k/swap"); !got.Expires.IsZero() {
			t.Errorf("still expires %v", got.Expires)
		}
	})
	t.Run("replace compares value and expiry", func(t *testing.T) {
		create(t, s, keystore.Item{Key: "k/cas", Value: []byte("v"), Expires: time.Now().Add(time.Hour)})
		now := get(t, s, "k/cas")
		for name, old := range map[string]keystore.Item{
			"other value":  {Key: "k/cas", Value: []byte("w"), Expires: now.Expires},
			"empty value":  {Key: "k/cas", Expires: now.Expires},
			"other expiry": {Key: "k/cas", Value: now.Value, Expires: now.Expires.Add(time.Millisecond)},
			"no expiry":    {Key: "k/cas", Value: now.Value},
		} {
			wantErr(t, name, s.Replace(deadline(t), old, text("k/cas", "won")), keystore.ErrConflict)
		}
		if got := get(t, s, "k/cas"); string(got.Value) != "v" {
			t.Errorf("value %q", got.Value)
		}
	})
	t.Run("replace never creates", func(t *testing.T) {
		wantErr(t, "replace", s.Replace(deadline(t), text("k/none", ""), text("k/none", "x")), keystore.ErrConflict)
		_, err := s.Get(deadline(t), "k/none")
		wantErr(t, "get", err, keystore.ErrNotFound)
	})
	t.Run("replace is of one key", func(t *testing.T) {
		create(t, s, text("k/a", "1"))
		if err := s.Replace(deadline(t), get(t, s, "k/a"), text("k/b", "2")); err == nil {
			t.Error("replaced one key by another")
		}
		if got := get(t, s, "k/a"); string(got.Value) != "1" {
			t.Errorf("value %q", got.Value)
		}
	})
	t.Run("a deleted item is gone and its key free", func(t *testing.T) {
		create(t, s, text("k/gone", "1"))
		old := get(t, s, "k/gone")
		if err := s.Delete(deadline(t), "k/gone"); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(deadline(t), "k/gone")
		wantErr(t, "get", err, keystore.ErrNotFound)
		wantErr(t, "delete again", s.Delete(deadline(t), "k/gone"), keystore.ErrNotFound)
		wantErr(t, "replace", s.Replace(deadline(t), old, old), keystore.ErrConflict)
		create(t, s, text("k/gone", "2"))
	})
	t.Run("the limits hold and the largest item fits", func(t *testing.T) {
		most := keystore.Item{Key: strings.Repeat("k", keystore.MaxKey), Value: bytes.Repeat([]byte("v"), keystore.MaxValue)}
		create(t, s, most)
		if got := get(t, s, most.Key); !bytes.Equal(got.Value, most.Value) {
			t.Errorf("%d bytes came back", len(got.Value))
		}
		for name, item := range map[string]keystore.Item{
			"empty key":  text("", "v"),
			"long key":   text(strings.Repeat("x", keystore.MaxKey+1), "v"),
			"long value": {Key: "k/long", Value: make([]byte, keystore.MaxValue+1)},
		} {
			if err := s.Create(deadline(t), item); err == nil {
				t.Errorf("%s was created", name)
			}
			if err := s.Replace(deadline(t), text(item.Key, ""), item); err == nil {
				t.Errorf("%s was swapped in", name)
			}
		}
		_, err := s.Get(deadline(t), "k/long")
		wantErr(t, "get", err, keystore.ErrNotFound)
	})
	t.Run("values are any bytes", func(t *testing.T) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		for i, v := range [][]byte{nil, {}, {0}, all, []byte("\r\n$5\r\nhello\r\n"), bytes.Repeat([]byte{0xff}, 9)} {
			key := "v/" + string(rune('a'+i))
			create(t, s, keystore.Item{Key: key, Value: v})
			got := get(t, s, key)
			if !bytes.Equal(got.Value, v) {
				t.Errorf("%q came back as %q", v, got.Value)
			}
			if err := s.Replace(deadline(t), got, keystore.Item{Key: key, Value: append([]byte{0}, v...)}); err != nil {
				t.Errorf("replace %q: %v", v, err)
			}
		}
	})
	t.Run("keys are any bytes", func(t *testing.T) {
		for i, k := range hostileKeys {
			create(t, s, keystore.Item{Key: "h/" + k, Value: []byte{byte(i)}})
		}
		for i, k := range hostileKeys {
			if got := get(t, s, "h/"+k); len(got.Value) != 1 || got.Value[0] != byte(i) {
				t.Errorf("under %q is %q", k, got.Value)
			}
		}
		for _, k := range hostileKeys {
			if err := s.Delete(deadline(t), "h/"+k); err != nil {
				t.Errorf("delete %q: %v", k, err)
			}
		}
		if rest := listed(t, s, "h/"); len(rest) != 0 {
			t.Errorf("left: %v", rest)
		}
	})
	t.Run("nobody's bytes are shared", func(t *testing.T) {
		v := []byte("mine")
		create(t, s, keystore.Item{Key: "k/copy", Value: v})
		v[0] = 'X'
		got := get(t, s, "k/copy")
		got.Value[1] = 'Y'
		if again := get(t, s, "k/copy"); string(again.Value) != "mine" {
			t.Errorf("value %q", again.Value)
		}
	})
}
