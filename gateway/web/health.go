package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// healthPage is how the daemon's parts and the services around are.
type healthPage struct {
	frame
	Looked moment
	Parts  []Health
	Ill    int
}

// ShowHealth is GET /ui/admin/health. It looks anew each time.
func (p *Pages) ShowHealth(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page := healthPage{frame: p.admin("Health", r, who, "Health")}
	if p.machine != nil {
		page.Parts = p.machine.Health(r.Context())
	}
	page.Looked = p.moment(p.now())
	for i, part := range page.Parts {
		page.Parts[i].Name = capital(part.Name)
		if !part.OK {
			page.Ill++
		}
	}
	return p.write(w, http.StatusOK, "health", page)
}
