package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// policiesPage is what is in force. It is changed in the configuration file.
type policiesPage struct {
	frame
	Parts []policyPart
}

// policyPart is a block of the configuration.
type policyPart struct {
	Title, ID string
	Rules     []policyRule
}

// policyRule is one setting: what it means, and the key that it stands under.
type policyRule struct{ Name, Value, Key string }

// ShowPolicies is GET /ui/admin/policies.
func (p *Pages) ShowPolicies(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	in := p.auth.Policy()
	mail := "Not sent. A forgotten password needs a link that an administrator makes."
	if p.auth.SendsMail() {
		mail = "Sent, for forgotten passwords and changes of e-mail addresses"
	}
	page := policiesPage{frame: p.admin("Policies", r, who, "Policies"), Parts: []policyPart{
		{"Passwords", "password", []policyRule{
			{"Shortest new password", plural(in.MinPassword, "character"), "password.min_length"},
			{"Encrypted passwords", encryptionWords[in.EncryptedPasswords], "password.encryption_policy"},
		}},
		{"Sessions", "session", []policyRule{
			{"End when unused for", exactLife(in.SessionIdle), "session.idle"},
			{"End in any case after", exactLife(in.SessionAbsolute), "session.absolute"},
			{"With “keep me signed in”", exactLife(in.SessionRemember), "session.remember"},
		}},
		{"Tokens", "tokens", []policyRule{
			{"Life when none is asked for", exactLife(in.TokenDefault), "tokens.default_expiry"},
			{"Longest life", orNoLimit(in.TokenMax), "tokens.max_expiry"},
		}},
		{"Profile", "profile", []policyRule{
			{"Stays unlocked for", exactLife(in.UnlockFor), "profile.unlock_for"},
			{"Users change their own password", yesNo(!in.KeepPasswords), "profile.users_may_change_password"},
			{"Users generate API keys", yesNo(!in.NoNewAPIKeys), "profile.api_key_creation"},
		}},
		{"Mail", "mail", []policyRule{{"Mail", mail, "smtp"}}},
	}}
	return p.write(w, http.StatusOK, "policies", page)
}

var encryptionWords = map[auth.EncryptionPolicy]string{
	auth.EncryptionSupported:   "Accepted beside the password itself",
	auth.EncryptionRequired:    "The only form that programs may send",
	auth.EncryptionUnsupported: "Not accepted",
}

func yesNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}

func orNoLimit(d time.Duration) string {
	if d <= 0 {
		return "No limit"
	}
	return exactLife(d)
}

// exactLife is a time that something lasts, in the largest whole unit.
func exactLife(d time.Duration) string {
	switch {
	case d == auth.Endless:
		return "No end"
	case d >= 2*day && d%day == 0:
		return plural(int(d/day), "day")
	case d >= time.Hour && d%time.Hour == 0:
		return plural(int(d/time.Hour), "hour")
	case d >= time.Minute && d%time.Minute == 0:
		return plural(int(d/time.Minute), "minute")
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " seconds"
}
