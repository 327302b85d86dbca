package gateway

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// providerSettings is what everybody may know of somebody who signs people in.
type providerSettings struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Type  string `json:"type"`
	Start string `json:"start"` // where a browser begins to sign in
}

func (a *api) listProviders(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	items := []providerSettings{}
	for _, p := range a.auth.Providers() {
		items = append(items, providerSettings{p.Name, p.Title, p.Type, startURL(a.public, p.Name)})
	}
	return writeList(w, items, "")
}

func (a *api) listBindings(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	bindings, err := a.auth.Bindings.List(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeList(w, bindings, "")
}

func (a *api) deleteBinding(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Bindings.Delete(r.Context(), who, r.PathValue("id")))
}
