import java.util.List;
import org.springframework.boot.autoconfigure.security.oauth2.resource.OAuth2ResourceServerProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.oauth2.core.OAuth2AuthenticatedPrincipal;
import org.springframework.security.oauth2.server.resource.introspection.OAuth2IntrospectionAuthenticatedPrincipal;
import org.springframework.security.oauth2.server.resource.introspection.OpaqueTokenIntrospector;
import org.springframework.security.oauth2.server.resource.introspection.SpringOpaqueTokenIntrospector;
import org.springframework.security.oauth2.server.resource.web.BearerTokenResolver;
import org.springframework.security.oauth2.server.resource.web.DefaultBearerTokenResolver;
import org.springframework.security.web.SecurityFilterChain;

@Configuration
class SecurityConfiguration {

  @Bean
  SecurityFilterChain api(HttpSecurity http) throws Exception {
    return http
        .authorizeHttpRequests(requests -> requests
            .requestMatchers("/configuration-items/**")
            .hasAnyAuthority("configuration-items:read", "configuration-items:*", "*")
            .anyRequest().denyAll())
        .oauth2ResourceServer(server -> server.opaqueToken(Customizer.withDefaults()))
        // Each request brings its own credential, and is asked about anew.
        .sessionManagement(sessions -> sessions.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
        .csrf(csrf -> csrf.disable())
        .build();
  }

  /** Permissions become authorities as they are at this moment; org_id and data_scopes are the principal's attributes. */
  @Bean
  OpaqueTokenIntrospector introspector(OAuth2ResourceServerProperties properties) {
    var settings = properties.getOpaquetoken();
    var gatehouse = new SpringOpaqueTokenIntrospector(
        settings.getIntrospectionUri(), settings.getClientId(), settings.getClientSecret());
    return token -> {
      OAuth2AuthenticatedPrincipal caller = gatehouse.introspect(token);
      List<String> permissions = caller.getAttribute("permissions");
      List<GrantedAuthority> authorities = AuthorityUtils.createAuthorityList(permissions.toArray(String[]::new));
      return new OAuth2IntrospectionAuthenticatedPrincipal(caller.getAttributes(), authorities);
    };
  }

  /** An API key comes in X-API-Key as well. */
  @Bean
  BearerTokenResolver credential() {
    var bearer = new DefaultBearerTokenResolver();
    return request -> request.getHeader("X-API-Key") != null ? request.getHeader("X-API-Key") : bearer.resolve(request);
  }
}
