package testidp

import "time"

// User is a person at a provider.
type User struct {
	Subject string
	Login   string
	Name    string
	Email   string
	// EmailVerified is said as it is: true, "true", 1; nil is not said.
	EmailVerified any
	Groups        []string
	SignedIn      time.Time      // at the provider; zero: when they come
	Extra         map[string]any // more claims
}

// Alice is a user like any other.
func Alice() User {
	return User{
		Subject: "5f1d7a84-alice", Login: "alice", Name: "Alice Example",
		Email: "alice@example.com", EmailVerified: true, Groups: []string{"staff"},
	}
}

// Bob is another.
func Bob() User {
	return User{
		Subject: "0c9be2f3-bob", Login: "bob", Name: "Bob Example",
		Email: "bob@example.com", EmailVerified: true,
	}
}

// profile is what a user's scopes let the client know.
func (u User) profile(scopes []string) map[string]any {
	out := map[string]any{}
	for _, scope := range scopes {
		switch scope {
		case "profile":
			put(out, "preferred_username", u.Login)
			put(out, "name", u.Name)
		case "email":
			put(out, "email", u.Email)
			if u.EmailVerified != nil {
				out["email_verified"] = u.EmailVerified
			}
		}
	}
	if u.Groups != nil {
		out["groups"] = u.Groups
	}
	for name, value := range u.Extra {
		out[name] = value
	}
	return out
}

func put(doc map[string]any, name, value string) {
	if value != "" {
		doc[name] = value
	}
}
