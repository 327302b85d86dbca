package gateway

import (
	"context"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

// Health is how one part of the daemon is, or a service that it uses.
type Health = web.Health

// Machine is what the API and the pages show of the daemon itself; the program
// that wires the daemon provides it. All but OpenAudit and Health is asked for
// on the socket alone.
type Machine interface {
	// OpenAudit opens what has been written of the audit trail, oldest first.
	OpenAudit(ctx context.Context) (auth.Written, error)
	// Health looks at every part, within a few seconds and in a fixed order.
	// What it says is for administrators: it may name files and addresses, and
	// holds no secrets.
	Health(ctx context.Context) []Health
	// Fsck compares what the LFS store lists with what lies on disk, and with
	// repair sets aside what is broken. Its result is written as JSON.
	Fsck(ctx context.Context, repair bool) (any, error)
	// KnownHosts are the lines of a known_hosts file for the SSH door.
	KnownHosts() []string
	// RotateMasterKey wraps the key ring with a new master key; compromised
	// makes all keys anew and ends what they made.
	RotateMasterKey(ctx context.Context, compromised bool) error
}

// onlyAdmin refuses whoever is not the administrator at the socket. Machine
// stands outside auth, so its one rule is asked here.
func onlyAdmin(who auth.Identity) error {
	if who.Via.Kind != auth.KindLocal || !who.Admin {
		return &auth.Error{Code: auth.Forbidden, Reason: "only the administrator at the daemon's machine may do this"}
	}
	return nil
}

// health answers 200 also where a part is not well: it was looked at.
func (a *api) health(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if !who.Admin {
		return &auth.Error{Code: auth.Forbidden, Reason: "only administrators see how the daemon's parts are"}
	}
	if _, err := query(r); err != nil {
		return err
	}
	return writeList(w, a.machine.Health(r.Context()), "")
}

// fsckBody is the body that starts a check of the LFS store.
type fsckBody struct {
	Repair bool `json:"repair"`
}

func (a *api) fsck(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	var in fsckBody
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	report, err := a.machine.Fsck(r.Context(), in.Repair)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, report)
}

func (a *api) knownHosts(w http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	return writeList(w, a.machine.KnownHosts(), "")
}

// rotateBody is the body that replaces the master key.
type rotateBody struct {
	Compromised bool `json:"compromised"`
}

func (a *api) rotateMasterKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	var in rotateBody
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	return done(w, a.machine.RotateMasterKey(r.Context(), in.Compromised))
}
