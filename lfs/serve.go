package lfs

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// ServeAs answers a request of who to any LFS route or to
// /artifactory/api/lfs/. What concerns identity and rights is returned as an
// *auth.Error, with nothing written; all else is answered here.
func (s *Store) ServeAs(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	http.NotFound(w, r)
	return nil
}
