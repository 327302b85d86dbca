package jfrog

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// lockPolicy is how often strangers may guess at a password before the rest
// wait: what the original calls login attempts.
type lockPolicy struct {
	Enabled       bool `json:"enabled"`
	LoginAttempts int  `json:"loginAttempts"`
}

// LockPolicy answers that no account locks. What bounds guessing is there
// always, and is not a setting.
func (a *API) LockPolicy(w http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, lockPolicy{LoginAttempts: auth.StrangerGuesses})
}

// SetLockPolicy refuses: a lock would let anybody lock anybody out.
func (a *API) SetLockPolicy(_ http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	return invalid("", "guessing is bounded always, per account and source, and locks nobody out; there is no policy to set")
}

// LockedUsers answers whose guess budget is spent now.
func (a *API) LockedUsers(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	names, err := a.auth.Users.Throttled(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, names)
}

// UnlockUser gives an account its guess budget back.
func (a *API) UnlockUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := a.unlockOne(r, who)
	return told(w, err, "the user "+name+" is unlocked")
}

// UnlockUserV2 is UnlockUser with nothing to say.
func (a *API) UnlockUserV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	_, err := a.unlockOne(r, who)
	return done(w, err)
}

func (a *API) unlockOne(r *http.Request, who auth.Identity) (string, error) {
	name, err := pathUser(r)
	if err != nil {
		return "", err
	}
	return name, a.auth.Users.ClearGuesses(r.Context(), who, name)
}

// UnlockUsers is UnlockUser for the users of a list, all of whom must exist.
func (a *API) UnlockUsers(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	names, err := readNames(w, r)
	if err != nil {
		return err
	}
	for _, name := range names {
		// Who may not look is refused, and noted in the trail, further down.
		if _, err := a.auth.Users.Get(r.Context(), who, name); err != nil && auth.CodeOf(err) != auth.Forbidden {
			return err
		}
	}
	return told(w, a.unlock(r, who, names), "the users of the list are unlocked")
}

// UnlockAllUsers is UnlockUser for everybody.
func (a *API) UnlockAllUsers(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	names, err := a.auth.Users.Throttled(r.Context(), who)
	if err != nil {
		return err
	}
	return told(w, a.unlock(r, who, names), "all users are unlocked")
}

func (a *API) unlock(r *http.Request, who auth.Identity, names []string) error {
	for _, name := range names {
		if err := a.auth.Users.ClearGuesses(r.Context(), who, name); err != nil {
			return err
		}
	}
	return nil
}
