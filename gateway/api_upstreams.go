package gateway

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// upstreamSettings is what everybody may know of an upstream.
type upstreamSettings struct {
	Name   string            `json:"name"`
	URL    string            `json:"url"`
	Send   auth.UpstreamSend `json:"send"`
	Header string            `json:"header,omitempty"`
	SignUp string            `json:"sign_up,omitempty"`
}

func (a *api) listUpstreams(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	known := a.auth.Upstreams.Known()
	items := make([]upstreamSettings, 0, len(known))
	for _, up := range known {
		items = append(items, upstreamSettings{up.Name, up.URL.String(), up.Send, up.Header, up.SignUp})
	}
	return writeList(w, items, "")
}

func (a *api) listUpstreamCredentials(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	credentials, err := a.auth.Upstreams.List(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeList(w, credentials, "")
}

// upstreamPair is the body that enters a name and secret.
type upstreamPair struct {
	Name   string      `json:"name"`
	Secret auth.Secret `json:"secret"`
}

func (a *api) setUpstreamCredential(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in upstreamPair
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	credential, err := a.auth.Upstreams.Set(r.Context(), who, owner(r), r.PathValue("upstream"), in.Name, in.Secret)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, credential)
}

func (a *api) deleteUpstreamCredential(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Upstreams.Delete(r.Context(), who, owner(r), r.PathValue("upstream")))
}

// testUpstreamCredential tries what the body says, or without a body what is
// stored.
func (a *api) testUpstreamCredential(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in upstreamPair
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &in); err != nil {
			return err
		}
	}
	answer, err := a.auth.Upstreams.Test(r.Context(), who, owner(r), r.PathValue("upstream"), in.Name, in.Secret)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}
