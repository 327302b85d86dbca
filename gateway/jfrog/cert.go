package jfrog

import (
	"encoding/base64"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// RootCertificate answers the certificate of the key that signs access tokens,
// as base64 of its DER, to anybody: clients verify tokens with its public key,
// and the key alone says nothing of anybody.
func (a *API) RootCertificate(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	if a.root == nil {
		return &auth.Error{Code: auth.NotFound, Reason: "there is no certificate here"}
	}
	der, err := a.root()
	if err != nil {
		return &auth.Error{Code: auth.Internal, Reason: "the certificate cannot be made", Err: err}
	}
	return writeText(w, http.StatusOK, base64.StdEncoding.EncodeToString(der))
}
