package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// misfit is a refusal that is about how we are known to the provider, and says
// nothing of the person.
type misfit struct{ error }

// codes that a token endpoint may answer, and what they are about.
var (
	aboutUs  = []string{"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "incorrect_client_credentials", "redirect_uri_mismatch"}
	forLater = []string{"temporarily_unavailable", "server_error", "slow_down"}
)

// failed is what a failed request comes to. Of what the provider wrote, only a
// short beginning is told, without what is hidden.
func (p *client) failed(what string, err error, hidden ...string) error {
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return p.answered(what, answer, append(hidden, p.secret.Reveal()))
	}
	for _, known := range []error{errBusy, errMoved, errLarge, errUnclear} {
		if errors.Is(err, known) {
			return p.down("%s: %w", what, known)
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return p.down("%s: the request was given up", what)
	case errors.Is(err, context.DeadlineExceeded):
		return p.down("%s: no answer within %s", what, askTimeout)
	}
	return p.down("%s: %s", what, said(err.Error(), append(hidden, p.secret.Reveal())...))
}

func (p *client) answered(what string, answer *oauth2.RetrieveError, hidden []string) error {
	status, code := answer.Response.StatusCode, answer.ErrorCode
	told := fmt.Errorf("%s: the answer is %d, error %s %s", what, status, said(code, hidden...), said(answer.ErrorDescription, hidden...))
	switch {
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests,
		code == "", slices.Contains(forLater, code):
		return p.down("%w", told)
	case slices.Contains(aboutUs, code):
		return p.unknown("%w", misfit{told})
	}
	return p.denied("%w", told)
}

// fault is an error about this provider: reason is for the person, format for
// the audit trail.
func (p *client) fault(code auth.Code, reason, format string, args ...any) error {
	return &auth.Error{Code: code, Reason: reason, Err: fmt.Errorf("provider "+p.name+": "+format, args...)}
}

// denied is an answer that cannot be accepted.
func (p *client) denied(format string, args ...any) error {
	return p.fault(auth.Forbidden, "what "+p.title+" answered cannot be accepted; please start again, and tell an administrator if it stays so", format, args...)
}

// excluded is somebody whom the provider knows and our rules do not let in.
func (p *client) excluded(format string, args ...any) error {
	return p.fault(auth.Forbidden, "this account of "+p.title+" is not one of those that are let in here; sign in there with another one, or ask an administrator", format, args...)
}

// unknown is a provider that does not accept us as the client that we are set
// up to be, whoever the person is.
func (p *client) unknown(format string, args ...any) error {
	return p.fault(auth.Forbidden, p.title+" does not accept how this service is set up there; please tell an administrator", format, args...)
}

// down is a provider that does not answer, or nothing that means something.
func (p *client) down(format string, args ...any) error {
	return p.fault(auth.Unavailable, p.title+" does not answer now; try again in a minute", format, args...)
}
