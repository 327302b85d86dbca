package gateway

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// explainJob answers which mapping a CI job's own token hits, and why it does
// not hit the others. The token comes in the body, so that no log has it.
func (a *api) explainJob(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in struct {
		Token auth.Secret `json:"token"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.Token.Empty() {
		return invalid("token", "token is missing: it is the job's own id_token")
	}
	findings, err := a.auth.ExplainJob(r.Context(), who, in.Token)
	if err != nil {
		return err
	}
	return writeList(w, findings, "")
}
