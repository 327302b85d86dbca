package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-io/latchkey/internal/seal"
)

// testRing is one ring for all tests: making one takes a while.
var testRing = sync.OnceValue(func() *seal.Ring {
	r, err := seal.NewRing()
	if err != nil {
		panic(err)
	}
	return r
})

func mustWrap(t testing.TB, r *seal.Ring, m *seal.MasterKey) []byte {
	t.Helper()
	w, err := r.Wrap(m)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sameRing fails the test unless both rings have all keys in common.
func sameRing(t *testing.T, a, b *seal.Ring) {
	t.Helper()
	if a.LookupID("p", "s") != b.LookupID("p", "s") {
		t.Error("ids differ")
	}
	if plain, err := b.Open("p", "r", a.Seal("p", "r", []byte("x"))); err != nil || string(plain) != "x" {
		t.Errorf("box of one does not open with the other: %v", err)
	}
	for _, u := range []seal.Use{seal.Access, seal.Quick, seal.Assertion} {
		token, err := a.SignJWT(u, "JWT", map[string]any{"sub": "alice"})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := b.VerifyJWT(token); err != nil {
			t.Errorf("%s token of one does not verify with the other", u)
		}
	}
}

func TestRewrappingChangesNothing(t *testing.T) {
	r, old, next := testRing(), newMaster(t), newMaster(t)
	first, err := seal.OpenRing(old, mustWrap(t, r, old))
	if err != nil {
		t.Fatal(err)
	}
	second, err := seal.OpenRing(next, mustWrap(t, first, next))
	if err != nil {
		t.Fatal(err)
	}
	sameRing(t, r, second)
	sameRing(t, second, r)
}

func TestWrappedRingIsPrintableAndNamesItsKey(t *testing.T) {
	m := newMaster(t)
	w := mustWrap(t, testRing(), m)
	if !strings.HasPrefix(string(w), "latchkey-ring-1:"+m.Fingerprint()+":") {
		t.Errorf("begins with %.40q", w)
	}
	for _, c := range w {
		if c <= ' ' || c > '~' {
			t.Fatalf("byte %q", c)
		}
	}
	if bytes.Equal(w, mustWrap(t, testRing(), m)) {
		t.Error("two wrappings are equal")
	}
}

func TestOpenRingUnderAnotherMasterKey(t *testing.T) {
	mine, other := newMaster(t), newMaster(t)
	_, err := seal.OpenRing(other, mustWrap(t, testRing(), mine))
	if !errors.Is(err, seal.ErrWrongMasterKey) {
		t.Fatalf("%v, want ErrWrongMasterKey", err)
	}
	for _, m := range []*seal.MasterKey{mine, other} {
		if !strings.Contains(err.Error(), m.Fingerprint()) {
			t.Errorf("%q does not name %s", err, m.Fingerprint())
		}
	}

	// The fingerprint in clear is no more than a name.
	forged := strings.Replace(string(mustWrap(t, testRing(), mine)), mine.Fingerprint(), other.Fingerprint(), 1)
	if _, err := seal.OpenRing(other, []byte(forged)); err == nil || errors.Is(err, seal.ErrWrongMasterKey) {
		t.Errorf("forged fingerprint: %v", err)
	}
}

func TestOpenRingRefusesEveryChange(t *testing.T) {
	m := newMaster(t)
	w := mustWrap(t, testRing(), m)
	for i := range w {
		changed := bytes.Clone(w)
		changed[i] ^= 1
		if _, err := seal.OpenRing(m, changed); err == nil {
			t.Fatalf("byte %d changed: accepted", i)
		}
	}
	for _, n := range []int{0, 1, 16, 17, 33, len(w) / 2, len(w) - 1} {
		if _, err := seal.OpenRing(m, w[:n]); err == nil {
			t.Fatalf("cut at %d: accepted", n)
		}
	}
	for _, more := range []string{"\n", "=", "A", " ", strings.Repeat("A", 1<<17)} {
		if _, err := seal.OpenRing(m, append(bytes.Clone(w), more...)); err == nil {
			t.Fatalf("%.4q added: accepted", more)
		}
	}
}

func TestRenewKeepsNothing(t *testing.T) {
	r := testRing()
	n, err := r.Renew()
	if err != nil {
		t.Fatal(err)
	}
	if r.LookupID("p", "s") == n.LookupID("p", "s") {
		t.Error("the lookup key is still there")
	}
	if _, err := n.Open("p", "r", r.Seal("p", "r", []byte("x"))); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("an old box: %v", err)
	}
	for _, u := range []seal.Use{seal.Access, seal.Quick, seal.Assertion} {
		token, err := r.SignJWT(u, "JWT", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := n.VerifyJWT(token); !errors.Is(err, seal.ErrJWT) {
			t.Errorf("an old %s token: %v", u, err)
		}
	}
	m := newMaster(t)
	opened, err := seal.OpenRing(m, mustWrap(t, n, m))
	if err != nil {
		t.Fatal(err)
	}
	sameRing(t, n, opened)
}

func TestPublicJWKSHasOnlyPublicKeysOfTheUses(t *testing.T) {
	r := testRing()
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(r.PublicJWKS(), &set); err != nil || set.Keys == nil || len(set.Keys) != 0 {
		t.Errorf("no uses: %s, %v", r.PublicJWKS(), err)
	}
	for _, private := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"qi"`, `"k"`} {
		if bytes.Contains(r.PublicJWKS(seal.Access, seal.Quick, seal.Assertion), []byte(private)) {
			t.Errorf("it has a member %s", private)
		}
	}
	if err := json.Unmarshal(r.PublicJWKS(seal.Assertion), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("assertion: %v, %v", set, err)
	}
	k := set.Keys[0]
	if k["kty"] != "EC" || k["crv"] != "P-256" || k["alg"] != "ES256" || k["use"] != "sig" || len(k["kid"]) != 43 {
		t.Errorf("assertion: %v", k)
	}
}

func FuzzOpenRing(f *testing.F) {
	m := newMaster(f)
	good := mustWrap(f, testRing(), m)
	f.Add(good)
	f.Add(good[:100])
	f.Add([]byte("latchkey-ring-1:" + m.Fingerprint() + ":AAAA"))
	f.Add([]byte("latchkey-ring-1:0000000000000000:AAAA"))
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		r, err := seal.OpenRing(m, wrapped)
		if (err == nil) != (r != nil) {
			t.Fatal("ring and error")
		}
		if err == nil && !bytes.Equal(wrapped, good) {
			t.Fatal("a forged ring opened")
		}
	})
}
