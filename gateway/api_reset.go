package gateway

import (
	"net/http"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

// forgotBody is the body that asks for a link by mail.
type forgotBody struct {
	Username string `json:"username"`
}

// forgot answers alike for every name.
func (a *api) forgot(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in forgotBody
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.Username == "" {
		return invalid("username", "whose password was forgotten is missing")
	}
	if err := a.auth.Passwords.Forgot(r.Context(), who.Peer, in.Username); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// resetLinkAnswer hands a link over.
type resetLinkAnswer struct {
	User    string    `json:"user"`
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

func (a *api) resetLink(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := noBody(r); err != nil {
		return err
	}
	link, err := a.auth.Passwords.ResetLink(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, resetLinkAnswer{
		User: link.User, URL: web.ResetURL(a.public, link.User, link.Key), Expires: link.Expires,
	})
}

// emailBody is the body that changes an e-mail address.
type emailBody struct {
	Email string `json:"email"`
}

// emailAnswer tells whether the address has changed, or waits to be confirmed.
type emailAnswer struct {
	Pending bool `json:"pending"`
}

func (a *api) changeEmail(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in emailBody
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	pending, err := a.auth.Users.ChangeEmail(r.Context(), who, owner(r), in.Email)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, emailAnswer{Pending: pending})
}
