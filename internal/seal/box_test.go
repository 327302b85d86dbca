package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/latchkey-io/latchkey/internal/seal"
)

func TestBoxOpensOnlyWhereItBelongs(t *testing.T) {
	r := testRing()
	box := r.Seal("ab", "cd", []byte("plain"))
	if plain, err := r.Open("ab", "cd", box); err != nil || string(plain) != "plain" {
		t.Fatalf("%q, %v", plain, err)
	}
	for _, at := range [][2]string{{"abc", "d"}, {"a", "bcd"}, {"", "abcd"}, {"abcd", ""}, {"cd", "ab"}, {"AB", "cd"}, {"ab", "cd\x00"}} {
		if _, err := r.Open(at[0], at[1], box); err != seal.ErrOpen {
			t.Errorf("at %q: %v", at, err)
		}
	}
	for i := range len(box) * 8 {
		changed := bytes.Clone(box)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := r.Open("ab", "cd", changed); err != seal.ErrOpen {
			t.Errorf("bit %d changed: %v", i, err)
		}
	}
	for n := range box {
		if _, err := r.Open("ab", "cd", box[:n]); err != seal.ErrOpen {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if _, err := r.Open("ab", "cd", append(bytes.Clone(box), 0)); err != seal.ErrOpen {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := r.Open("ab", "cd", nil); err != seal.ErrOpen {
		t.Errorf("nothing: %v", err)
	}
}

func TestBoxesDiffer(t *testing.T) {
	r := testRing()
	if bytes.Equal(r.Seal("p", "r", []byte("x")), r.Seal("p", "r", []byte("x"))) {
		t.Error("two boxes of one text are equal")
	}
	if plain, err := r.Open("p", "r", r.Seal("p", "r", nil)); err != nil || len(plain) != 0 {
		t.Errorf("empty text: %q, %v", plain, err)
	}
}

func TestManyPurposesAtOnce(t *testing.T) {
	r := testRing()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 400 { // more than the cache keeps
				purpose := fmt.Sprintf("purpose %d", (i+g)%400)
				if _, err := r.Open(purpose, "r", r.Seal(purpose, "r", []byte("x"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpen(f *testing.F) {
	r := testRing()
	good := r.Seal("p", "r", []byte("plain"))
	f.Add("p", "r", good)
	f.Add("p", "r", good[:1])
	f.Add("p", "", []byte{1})
	f.Add("", "pr", []byte{})
	f.Fuzz(func(t *testing.T, purpose, record string, box []byte) {
		plain, err := r.Open(purpose, record, box)
		if err != nil && (!errors.Is(err, seal.ErrOpen) || plain != nil) {
			t.Fatalf("%q, %v", plain, err)
		}
		if err == nil && !bytes.Equal(box, good) {
			t.Fatal("a forged box opened")
		}
		again, err := r.Open(purpose, record, r.Seal(purpose, record, box))
		if err != nil || !bytes.Equal(again, box) {
			t.Fatalf("round trip: %v", err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	r, plain := testRing(), make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		r.Seal("token", "cred/abc", plain)
	}
}

func BenchmarkOpen(b *testing.B) {
	r := testRing()
	box := r.Seal("token", "cred/abc", make([]byte, 200))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open("token", "cred/abc", box); err != nil {
			b.Fatal(err)
		}
	}
}
