package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Caller is what introspection (RFC 7662) says of a live credential.
type Caller struct {
	Active       bool     `json:"active"`
	Subject      string   `json:"sub"`
	Organization string   `json:"org_id"`
	Permissions  []string `json:"permissions"`
	DataScopes   []struct {
		Source  *string `json:"source"`
		ScopeID *string `json:"scope_id"`
	} `json:"data_scopes"`
}

type callerKey struct{}

var client = &http.Client{Timeout: 5 * time.Second}

func main() {
	http.Handle("/configuration-items", permitted("configuration-items:read", http.HandlerFunc(items)))
	address := "127.0.0.1:" + os.Getenv("PORT")
	log.Printf("listening on http://%s/", address)
	log.Fatal(http.ListenAndServe(address, nil))
}

// items answers with this organization's rows only, and of those with what the data scopes cover.
func items(w http.ResponseWriter, r *http.Request) {
	caller := r.Context().Value(callerKey{}).(*Caller)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"sub": caller.Subject, "org_id": caller.Organization, "items": []string{}})
}

// permitted lets a request pass whose credential holds a permission at this moment.
func permitted(permission string, next http.Handler) http.Handler {
	resource, _, _ := strings.Cut(permission, ":")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := introspect(r)
		if err != nil {
			// No answer from Gatehouse is no permission.
			log.Print(err)
			w.Header().Set("Retry-After", "5")
			http.Error(w, "Cannot check credentials now", http.StatusServiceUnavailable)
			return
		}
		if !caller.Active {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "Authentication required", http.StatusUnauthorized)
			return
		}
		for _, granted := range caller.Permissions {
			if granted == permission || granted == resource+":*" || granted == "*" {
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
				return
			}
		}
		http.Error(w, "Permission denied", http.StatusForbidden)
	})
}

func introspect(r *http.Request) (*Caller, error) {
	token := r.Header.Get("X-API-Key")
	if scheme, bearer, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(bearer)
	}
	if token == "" {
		return &Caller{}, nil
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	// All but the token is for Gatehouse's authentication log.
	use := url.Values{"token": {token}, "ip": {ip}, "method": {r.Method}, "path": {r.URL.Path}}
	question, err := http.NewRequestWithContext(r.Context(), http.MethodPost, os.Getenv("ISSUER")+"/oauth/introspect",
		strings.NewReader(use.Encode()))
	if err != nil {
		return nil, err
	}
	question.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	question.SetBasicAuth(url.QueryEscape(os.Getenv("CLIENT_ID")), url.QueryEscape(os.Getenv("CLIENT_SECRET")))
	answer, err := client.Do(question)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New("introspection answered " + answer.Status)
	}
	caller := &Caller{}
	return caller, json.NewDecoder(answer.Body).Decode(caller)
}
