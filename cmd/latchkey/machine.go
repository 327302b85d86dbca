package main

import (
	"context"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/lfs"
)

// machine is what the API shows of the daemon itself.
type machine struct{ d *daemon }

var _ gateway.Machine = machine{}

// maxProblems bounds what fsck lists; the tally counts all.
const maxProblems = 10_000

// fsckReport is the answer to fsck.
type fsckReport struct {
	lfs.Tally
	List []lfs.Problem `json:"list"`
}

// OpenAudit gives the audit trail up to now.
func (m machine) OpenAudit(context.Context) (auth.Written, error) { return m.d.trail.written(), nil }

// Health looks at all parts at once.
func (m machine) Health(ctx context.Context) []gateway.Health {
	parts := m.d.parts
	if sender := m.d.mail.Load(); sender != nil {
		parts = append(slices.Clone(parts), part{"mail", func(ctx context.Context) (string, error) { return mailHealth(ctx, sender) }})
	}
	return examineParts(ctx, append(slices.Clone(parts), m.d.logins.Load().parts()...))
}

// Fsck checks every object of the LFS store.
func (m machine) Fsck(ctx context.Context, repair bool) (any, error) {
	report := fsckReport{List: []lfs.Problem{}}
	tally, err := m.d.lfs.Fsck(ctx, repair, func(p lfs.Problem) {
		if len(report.List) < maxProblems {
			report.List = append(report.List, p)
		}
	})
	report.Tally = tally
	return report, err
}

// KnownHosts is the lines for a known_hosts file.
func (m machine) KnownHosts() []string {
	if m.d.ssh == nil {
		return []string{}
	}
	return strings.Split(strings.TrimSpace(m.d.ssh.KnownHosts(m.d.doors.publicSSH)), "\n")
}

// RotateMasterKey wraps the ring anew while everything runs. New keys for a
// compromised ring need a stop: the daemon, and every replica, still holds the
// old ones.
func (m machine) RotateMasterKey(ctx context.Context, compromised bool) error {
	if compromised {
		return &auth.Error{Code: auth.Forbidden, Reason: "--compromised makes all keys anew, which running daemons would not see: stop every daemon on this store, then run it again"}
	}
	if err := auth.RewrapRing(ctx, m.d.store, m.d.masterKey, false); err != nil {
		return err
	}
	m.d.log.Info("the keys of the store are wrapped with a new master key; copy it to where you keep it, and to every replica", "file", m.d.masterKey)
	return nil
}
