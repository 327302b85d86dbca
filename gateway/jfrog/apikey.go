package jfrog

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// Texts of refusals.
const (
	byAPIKey   = "an API key cannot change or revoke itself; sign in another way"
	anonymous  = "anonymous users have no API key"
	noKey      = "there is no API key; POST makes one"
	keyExists  = "there is an API key already; regenerate it instead"
	notAllowed = "only administrators revoke the API keys of everybody"
)

// keyAnswer hands an API key over; without one it is {}.
type keyAnswer struct {
	APIKey string `json:"apiKey,omitempty"`
}

// CreateKey makes the caller's API key: 201 with it, 400 when there is one,
// 403 for anonymous callers and where keys are no longer made.
func (a *API) CreateKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if !who.Known() {
		return refuse(w, http.StatusForbidden, anonymous)
	}
	key, err := a.auth.Keys.Create(r.Context(), who, who.User)
	if err != nil {
		return keyRefused(w, err)
	}
	return writeJSON(w, http.StatusCreated, keyAnswer{APIKey: key.Secret.Reveal()})
}

// ShowKey answers the caller's API key, or {} when there is none.
func (a *API) ShowKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	key, err := a.auth.Keys.Show(r.Context(), who, who.User)
	if auth.CodeOf(err) == auth.NotFound {
		return writeJSON(w, http.StatusOK, keyAnswer{})
	}
	if err != nil {
		return keyRefused(w, err)
	}
	return writeJSON(w, http.StatusOK, keyAnswer{APIKey: key.Secret.Reveal()})
}

// RotateKey replaces the caller's API key: 200 with the new one, 400 when
// there is none, 403 for callers who came with an API key.
func (a *API) RotateKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if who.Via.Kind == auth.KindAPIKey {
		return refuse(w, http.StatusForbidden, byAPIKey)
	}
	key, err := a.auth.Keys.Rotate(r.Context(), who, who.User)
	if err != nil {
		return keyRefused(w, err)
	}
	return writeJSON(w, http.StatusOK, keyAnswer{APIKey: key.Secret.Reveal()})
}

// RevokeKey ends the caller's API key, or with ?deleteAll=1 everybody's. Only
// the value 1 means everybody; several values are refused, not chosen from.
func (a *API) RevokeKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	all, err := deleteAll(r.URL.RawQuery)
	if err != nil {
		return refuse(w, http.StatusBadRequest, err.Error())
	}
	if all {
		if err := a.auth.Keys.RevokeAll(r.Context(), who); err != nil {
			if auth.CodeOf(err) == auth.Forbidden {
				return refuse(w, http.StatusForbidden, notAllowed)
			}
			return keyRefused(w, err)
		}
		return inform(w, "the API keys of all users are revoked")
	}
	if who.Via.Kind == auth.KindAPIKey {
		return refuse(w, http.StatusForbidden, byAPIKey)
	}
	if err := a.auth.Keys.Revoke(r.Context(), who, who.User); err != nil {
		return keyRefused(w, err)
	}
	return inform(w, "the API key of "+who.User+" is revoked")
}

// RevokeKeyOf ends the API key of the user in the path, for that user and for
// administrators; anybody else is answered 403 without a word, whether that
// user exists or not. A deleteAll beside a user never means everybody.
func (a *API) RevokeKeyOf(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := auth.CanonicalName(r.PathValue("user"))
	foreign := err != nil || name != who.User
	if err == nil {
		err = a.auth.Keys.Revoke(r.Context(), who, name)
	}
	switch code := auth.CodeOf(err); {
	case err == nil:
		return inform(w, "the API key of "+name+" is revoked")
	case foreign && !who.Admin && (code == auth.Forbidden || code == auth.NotFound || code == auth.Invalid):
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusForbidden)
		return nil
	}
	return keyRefused(w, err)
}

// ListKeys answers everybody but administrators an empty list, as the original
// does, and refuses administrators: the keys of others are shown to nobody.
func (a *API) ListKeys(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if !who.Admin {
		return writeJSON(w, http.StatusOK, []keyAnswer{})
	}
	// Of nobody in particular: auth refuses, and notes it in the trail.
	if _, err := a.auth.Keys.Show(r.Context(), who, ""); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, []keyAnswer{})
}

// ImportKeys refuses: keys are made here, so that each is known to one user
// alone.
func (a *API) ImportKeys(_ http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	return invalid("", "API keys are not imported; each user makes one")
}

// deleteAll reads the query of DELETE.
func deleteAll(query string) (bool, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false, errors.New("the query cannot be read")
	}
	switch all := values["deleteAll"]; len(all) {
	case 0:
		return false, nil
	case 1:
		return all[0] == "1", nil
	}
	return false, errors.New("deleteAll is given more than once")
}

// keyRefused answers a refusal in the feedback object. What is about who the
// caller is, or about the store, has no words of its own in this dialect and
// goes on to the gateway.
func keyRefused(w http.ResponseWriter, err error) error {
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		return err
	}
	switch refusal.Code {
	case auth.Exists:
		return refuse(w, http.StatusBadRequest, keyExists)
	case auth.NotFound:
		return refuse(w, http.StatusBadRequest, noKey)
	case auth.Invalid:
		return refuse(w, http.StatusBadRequest, refusal.Reason)
	case auth.Forbidden, auth.Locked, auth.Unsupported:
		return refuse(w, http.StatusForbidden, refusal.Reason)
	}
	return err
}
