package auth

import (
	"encoding/binary"
	"time"
)

// appendIdentity and decodeIdentity write and read an Identity as flat bytes
// for the cache: one pass, and one string that all texts of the result share.

func appendIdentity(b []byte, w Identity) []byte {
	b = appendText(b, w.User)
	b = appendText(b, w.Name)
	b = appendText(b, w.Email)
	b = appendText(b, w.uid)
	b = appendTexts(b, w.Groups)
	b = appendTexts(b, w.allGroups)
	b = append(b, flags(w.Admin, w.Service, w.isAdmin, w.Unlockable, w.narrowed, w.whole))
	b = binary.AppendUvarint(b, w.epoch)
	b = appendText(b, string(w.Via.Kind))
	b = appendText(b, w.Via.ID)
	b = appendText(b, w.Via.ref)
	b = binary.AppendUvarint(b, uint64(len(w.Via.Parents)))
	for _, p := range w.Via.Parents {
		b = appendText(b, string(p.Kind))
		b = appendText(b, p.ID)
		b = binary.AppendUvarint(b, p.Epoch)
	}
	scope := ""
	if len(w.Scopes) != 1 || w.Scopes[0].Kind != ScopeUser {
		scope = w.Scopes.String()
	}
	b = appendText(b, scope)
	b = appendText(b, w.Provider)
	b = appendText(b, string(w.UnlockBy))
	b = appendTime(b, w.Expires)
	return appendTime(b, w.UnlockedUntil)
}

func decodeIdentity(s string) (w Identity, ok bool) {
	d := decoder{rest: s}
	w.User, w.Name, w.Email, w.uid = d.text(), d.text(), d.text(), d.text()
	w.Groups, w.allGroups = d.texts(), d.texts()
	f := d.byte()
	w.Admin, w.Service, w.isAdmin, w.Unlockable, w.narrowed, w.whole = f&1 != 0, f&2 != 0, f&4 != 0, f&8 != 0, f&16 != 0, f&32 != 0
	w.epoch = d.uvarint()
	w.Via.Kind, w.Via.ID, w.Via.ref = Kind(d.text()), d.text(), d.text()
	if n := d.uvarint(); n > 0 && n <= maxLineage {
		w.Via.Parents = make([]Ref, n)
		for i := range w.Via.Parents {
			w.Via.Parents[i] = Ref{Kind: Kind(d.text()), ID: d.text(), Epoch: d.uvarint()}
		}
	}
	w.Scopes = UserScope
	if scope := d.text(); scope != "" {
		var err error
		if w.Scopes, err = ParseScopes(scope); err != nil {
			return Identity{}, false
		}
	}
	w.Provider, w.UnlockBy = d.text(), UnlockBy(d.text())
	w.Expires, w.UnlockedUntil = d.time(), d.time()
	return w, !d.bad && d.rest == ""
}

func flags(set ...bool) (f byte) {
	for i, on := range set {
		if on {
			f |= 1 << i
		}
	}
	return f
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendUvarint(b, 0)
	}
	return binary.AppendUvarint(b, uint64(t.UnixMilli()))
}

type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) uvarint() (n uint64) {
	for shift := uint(0); shift < 64; shift += 7 {
		c := d.byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	d.bad = true
	return 0
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad = true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) texts() []string {
	n := d.uvarint()
	if n == 0 || n > uint64(len(d.rest)) {
		d.bad = d.bad || n > 0
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = d.text()
	}
	return out
}

func (d *decoder) time() time.Time {
	ms := d.uvarint()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
