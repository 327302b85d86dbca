package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/gateway"
)

// TestSecretsInWrongFields: where a secret (~) stands in a place that is for
// something else, neither a refusal, nor the log, nor the trail repeats it.
func TestSecretsInWrongFields(t *testing.T) {
	t.Parallel()
	h := newJobHouse(t)
	alice, admin := basic("alice", alicePassword), basic("admin", h.adminPassword)
	key := h.do("POST", gateway.APIRoot+"/me/apikey", nil, alice).is(http.StatusCreated).field("api_key")
	token := h.token(`{"include_reference_token":true,"refreshable":true}`, alice)
	const (
		tokens    = "POST " + tokensURL + " "
		oldTokens = "POST /artifactory/api/security/token "
		exchanged = `POST ` + exchangeURL + ` {"grant_type":"` + exchange + `","subject_token_type":"` + idToken + `",`
		changed   = "POST /artifactory/api/security/users/authorization/changePassword "
		anew      = `,"password":"` + bobPassword + `"}`
	)
	for _, secret := range []string{key, token.field("access_token"), token.field("reference_token"), token.field("refresh_token")} {
		for _, row := range []string{
			tokens + `{"scope":"~"}`, tokens + `{"scope":"applied-permissions/groups:~"}`, tokens + `{"scope":"artifact:[~]:r"}`,
			tokens + `{"username":"~"}`, tokens + `{"grant_type":"~"}`, tokens + `{"project_key":"~"}`, tokens + `{"~":1}`,
			tokens + `{"audience":"~\u0007"}`, tokens + `{"grant_type":"refresh_token","refresh_token":"x","access_token":"~"}`,
			oldTokens + `{"username":"alice","scope":"~"}`, oldTokens + `{"username":"alice","scope":"member-of-groups:~"}`,
			oldTokens + `{"username":"~"}`, oldTokens + `{"username":"alice","audience":"~"}`,
			exchanged + `"subject_token":"x","provider_name":"~"}`, exchanged + `"subject_token":"~"}`,
			exchanged + `"subject_token":"x","identity_mapping_name":"~"}`,
			changed + `{"userName":"~","oldPassword":"a","newPassword1":"b","newPassword2":"b"}`,
			changed + `{"userName":"alice","oldPassword":"~","newPassword1":"b","newPassword2":"b"}`,
			`POST /access/api/v2/users {"username":"~","email":"a@example.com"` + anew,
			`POST /access/api/v2/users {"username":"new","email":"~"` + anew,
			`POST /access/api/v2/users {"username":"new","email":"a@example.com","groups":["~"]` + anew,
			`PATCH /access/api/v2/users/eve {"status":"~"}`, `PATCH /access/api/v2/users/eve/groups {"add":["~"]}`,
			`POST /access/api/v2/groups {"name":"a/~"}`, `POST /access/api/v2/groups {"name":"new","members":["~"]}`,
			`POST /artifactory/api/security/unlockUsers ["~"]`,
			`PUT /artifactory/api/npm/x/-/user/org.couchdb.user:alice {"name":"~"}`,
			`POST /access/api/v2/authentication/jfrog_client_login/request {"session":"~"}`,
			`POST ` + gateway.APIRoot + `/me/tokens {"scope":"~"}`, `POST ` + gateway.APIRoot + `/users {"name":"new","email":"~"}`,
			`GET ` + tokensURL + `?username=~`, `GET ` + tokensURL + `?~`, `GET ` + tokensURL + `/~`, `GET /access/api/v2/groups/~`,
			`DELETE /access/api/v2/groups/~`, `DELETE /artifactory/api/security/apiKey/~`, `GET /v2/token?service=~`, `GET /ui/login?jfClientSession=~`,
		} {
			method, rest, _ := strings.Cut(strings.ReplaceAll(row, "~", secret), " ")
			path, body, _ := strings.Cut(rest, " ")
			h.do(method, path, body, admin) // refusals are looked at there, log and trail in the end
		}
	}
}
