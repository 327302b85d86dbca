package gateway

import (
	"net/http"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// newSSHKey is the body that registers an SSH key. Expires is a date of
// RFC 3339; absent: never.
type newSSHKey struct {
	Key     string `json:"key"`
	Title   string `json:"title"`
	Expires string `json:"expires"`
}

func (a *api) createSSHKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in newSSHKey
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	var ends time.Time
	if in.Expires != "" {
		var err error
		if ends, err = time.Parse(time.RFC3339, in.Expires); err != nil {
			return invalid("expires", "expires must be a date as 2030-01-31T12:00:00Z (RFC 3339)")
		}
	}
	key, err := a.auth.SSHKeys.Create(r.Context(), who, auth.NewSSHKey{Owner: owner(r), Line: in.Key, Title: in.Title, Expires: ends.UTC()})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, key)
}

func (a *api) listSSHKeys(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	keys, err := a.auth.SSHKeys.List(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeList(w, keys, "")
}

func (a *api) deleteSSHKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.SSHKeys.Delete(r.Context(), who, r.PathValue("id")))
}
