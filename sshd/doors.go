package sshd

import (
	"container/list"
	"net/netip"

	"github.com/latchkey-io/latchkey/internal/limit"
)

// doors counts connections by source, and those that are not logged in yet in
// the order they came. When one more comes than may be, the oldest of them is
// closed and not the new one: whoever means it logs in within a fraction of a
// second, so a flood of silent connections displaces itself. The server's lock
// guards it.
type doors struct {
	limits   Limits
	open     map[*conn]struct{}
	openOf   map[netip.Prefix]int
	logins   *list.List // of *conn
	loginsOf map[netip.Prefix]int
}

func newDoors(l Limits) doors {
	return doors{
		limits:   l,
		open:     make(map[*conn]struct{}),
		openOf:   make(map[netip.Prefix]int),
		logins:   list.New(),
		loginsOf: make(map[netip.Prefix]int),
	}
}

// enter takes c in unless its source has too many open. displaced, if not nil,
// is to be closed.
func (d *doors) enter(c *conn) (displaced *conn, ok bool) {
	source := limit.Source(c.source)
	if d.openOf[source] >= d.limits.PerSource {
		return nil, false
	}
	switch {
	case d.loginsOf[source] >= d.limits.LoginsPerSource:
		displaced = d.oldest(func(o *conn) bool { return limit.Source(o.source) == source })
	case d.logins.Len() >= d.limits.Logins:
		displaced = d.oldest(func(*conn) bool { return true })
	}
	if displaced != nil {
		d.loggedIn(displaced)
	}
	d.open[c] = struct{}{}
	d.openOf[source]++
	c.waiting = d.logins.PushBack(c)
	d.loginsOf[source]++
	return displaced, true
}

func (d *doors) oldest(match func(*conn) bool) *conn {
	for e := d.logins.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*conn); match(c) {
			return c
		}
	}
	return nil
}

// loggedIn takes c out of those that are waited for.
func (d *doors) loggedIn(c *conn) {
	if c.waiting == nil {
		return
	}
	d.logins.Remove(c.waiting)
	c.waiting = nil
	decrement(d.loginsOf, limit.Source(c.source))
}

func (d *doors) leave(c *conn) {
	if _, in := d.open[c]; !in {
		return
	}
	d.loggedIn(c)
	delete(d.open, c)
	decrement(d.openOf, limit.Source(c.source))
}

func (d *doors) all() []*conn {
	all := make([]*conn, 0, len(d.open))
	for c := range d.open {
		all = append(all, c)
	}
	return all
}

func decrement(counts map[netip.Prefix]int, key netip.Prefix) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}
