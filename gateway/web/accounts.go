package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// accountsPage is where accounts elsewhere are linked that sign the person in
// here. None can be set up.
type accountsPage struct{ frame }

// ShowAccounts is GET /ui/profile/accounts.
func (p *Pages) ShowAccounts(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.write(w, http.StatusOK, "accounts", accountsPage{p.profile("Linked accounts", r, who, "Linked accounts")})
}
