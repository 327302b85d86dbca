package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

type note struct {
	Text string `json:"text"`
	N    int    `json:"n,omitempty"`
}

func testTable(t *testing.T, open Open) {
	s := open(t, time.Now)
	notes := keystore.NewTable[note](s, "note/")

	t.Run("a record is read back", func(t *testing.T) {
		at := time.Now().Add(time.Hour)
		if err := notes.Create(deadline(t), "1", note{Text: "one"}, at); err != nil {
			t.Fatal(err)
		}
		got, expires, err := notes.Get(deadline(t), "1")
		if err != nil || got.Text != "one" || !expires.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("got %+v until %v, %v", got, expires, err)
		}
		wantErr(t, "create", notes.Create(deadline(t), "1", note{}, at), keystore.ErrExists)
		if raw := get(t, s, notes.Key("1")); string(raw.Value) != `{"text":"one"}` {
			t.Errorf("stored as %s", raw.Value)
		}
	})
	t.Run("update alters record and expiry", func(t *testing.T) {
		got, err := notes.Update(deadline(t), "1", func(v *note, expires *time.Time) error {
			v.N, *expires = 7, time.Time{}
			return nil
		})
		if err != nil || got != (note{Text: "one", N: 7}) {
			t.Fatalf("got %+v, %v", got, err)
		}
		if raw := get(t, s, notes.Key("1")); !raw.Expires.IsZero() {
			t.Errorf("expires %v", raw.Expires)
		}
	})
	t.Run("update wants a record, upsert makes one", func(t *testing.T) {
		set := func(v *note, _ *time.Time) error { v.N++; return nil }
		_, err := notes.Update(deadline(t), "2", set)
		wantErr(t, "update", err, keystore.ErrNotFound)
		if got, err := notes.Upsert(deadline(t), "2", set); err != nil || got.N != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a refused or skipped change writes nothing", func(t *testing.T) {
		w := NewWatcher(t, s)
		w.Settle(t)
		wantErr(t, "create", notes.Create(deadline(t), "quiet", note{N: 1}, time.Time{}), nil)
		w.WaitKey(t, notes.Key("quiet"))
		broken := errors.New("no")
		_, err := notes.Update(deadline(t), "quiet", func(v *note, _ *time.Time) error { v.N = 99; return broken })
		wantErr(t, "update", err, broken)
		if _, err := notes.Update(deadline(t), "quiet", func(v *note, _ *time.Time) error { v.N = 99; return keystore.ErrSkip }); err != nil {
			t.Error(err)
		}
		if got, _, err := notes.Get(deadline(t), "quiet"); err != nil || got.N != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
		if keys := w.Keys(); len(keys) != 1 {
			t.Errorf("changed: %q", keys)
		}
		wantErr(t, "delete", notes.Delete(deadline(t), "quiet"), nil)
	})
	t.Run("an update loses no other's change", func(t *testing.T) {
		first := true
		got, err := notes.Update(deadline(t), "2", func(v *note, _ *time.Time) error {
			if first {
				first = false
				if _, err := notes.Update(deadline(t), "2", func(v *note, _ *time.Time) error { v.Text = "other"; return nil }); err != nil {
					return err
				}
			}
			v.N++
			return nil
		})
		if err != nil || got != (note{Text: "other", N: 2}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("list gives ids and ends at a broken record", func(t *testing.T) {
		ids := map[string]note{}
		for id, l := range notes.List(deadline(t)) {
			if l.Err != nil {
				t.Fatal(l.Err)
			}
			ids[id] = l.Value
		}
		if len(ids) != 2 || ids["1"].Text != "one" {
			t.Errorf("listed %v", ids)
		}
		create(t, s, text("note/broken", "{"))
		var last error
		for _, l := range notes.List(deadline(t)) {
			last = l.Err
		}
		if last == nil {
			t.Error("a broken record went unnoticed")
		}
		if _, _, err := notes.Get(deadline(t), "broken"); err == nil {
			t.Error("a broken record was read")
		}
	})
	t.Run("delete removes the record", func(t *testing.T) {
		if err := notes.Delete(deadline(t), "1"); err != nil {
			t.Fatal(err)
		}
		_, _, err := notes.Get(deadline(t), "1")
		wantErr(t, "get", err, keystore.ErrNotFound)
	})
}
