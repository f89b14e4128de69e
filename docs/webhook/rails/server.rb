# The safest login endpoint for Understudy, for Rails (6.1 or newer). Copy the part between the lines.
# The rest stands in for your application, so that tests can run this very file.
require "json"
require "logger" # before Active Support 6.1, which forgets it
require "action_controller/railtie"
require "puma"
require "puma/server"
require "jwt"

class Application < Rails::Application
  config.root = __dir__
  config.eager_load = false
  config.consider_all_requests_local = false
  config.logger = Logger.new($stderr, level: :warn)
  config.secret_key_base = ENV.fetch("SESSION_SECRET") { SecureRandom.hex(32) }
  config.cache_store = :memory_store
  # Not Rails' default, the cookie store: the server cannot end a session that is only in a cookie.
  config.session_store :cache_store, key: "sid", path: "/", httponly: true, same_site: :strict,
                                     secure: ENV.fetch("APP_ORIGIN", "").start_with?("https:")
  config.x.app_origin = ENV["APP_ORIGIN"] # if it is not given: once the server listens
end

User = Struct.new(:id, :email, :admin, keyword_init: true) do
  def self.find_by(id:)
    [new(id: 7, email: "ada@example.com", admin: false), new(id: 8, email: "root@example.com", admin: true)]
      .find { |user| user.id == id.to_i }
  end
end

class ApplicationController < ActionController::Base
  protect_from_forgery with: :exception
end

# ── copy from here ───────────────────────────────────────────────────────────────────────────────
# app/models/impersonation_token.rb
class ImpersonationToken
  # Its text is a cause that Understudy knows how to explain.
  class Refused < StandardError; end

  LEEWAY = 30
  PUBLIC_KEY = ENV["IMPERSONATION_PUBLIC_KEY"] && OpenSSL::PKey.read(ENV["IMPERSONATION_PUBLIC_KEY"])
  KEY = PUBLIC_KEY || ENV.fetch("IMPERSONATION_KEY", "")
  raise "IMPERSONATION_KEY: at least 32 bytes" if !PUBLIC_KEY && KEY.bytesize < 32

  # Chosen by the key, never by the token.
  ALGORITHM = { OpenSSL::PKey::EC => "ES256", OpenSSL::PKey::RSA => "RS256" }.fetch(PUBLIC_KEY.class, "HS256")

  def self.verify(authorization)
    token = authorization.to_s[/\ABearer (\S+)\z/i, 1].to_s
    claims, = JWT.decode(token, KEY, true, algorithms: [ALGORITHM], leeway: LEEWAY, iss: "understudy",
                                           verify_iss: true, aud: Rails.configuration.x.app_origin, verify_aud: true)
    check(claims)
  rescue JWT::ExpiredSignature
    raise Refused, "expired"
  rescue JWT::InvalidAudError
    raise Refused, "wrong audience"
  rescue JWT::DecodeError
    raise Refused, "invalid signature"
  end

  def self.check(claims)
    sub, jti, sid, reason, act, iat, exp = claims.values_at("sub", "jti", "sid", "reason", "act", "iat", "exp")
    operator = act["sub"] if act.is_a?(Hash)
    complete = [sub, jti, operator, sid, reason].all?(String) && [sub, jti, operator].none?(&:empty?)
    raise Refused, "invalid signature" unless complete && [iat, exp].all?(Integer) && exp - iat <= 300
    raise Refused, "not yet valid (clock skew)" if iat > Time.now.to_i + LEEWAY
    # Atomic. With several processes the cache must be Redis or Memcached; the null store remembers nothing.
    life = exp + LEEWAY - Time.now.to_i + 1
    raise Refused, "used already" unless Rails.cache.write("impersonation:#{jti}", true, unless_exist: true, expires_in: life)

    claims
  end
  private_class_method :check
end

# app/middleware/impersonation_limits.rb, in config/application.rb: config.middleware.use ImpersonationLimits
class ImpersonationLimits
  def initialize(app)
    @app = app
  end

  def call(env)
    request = ActionDispatch::Request.new(env)
    impersonation = request.session[:impersonation]
    if impersonation && Time.now.to_i > impersonation["until"]
      request.reset_session
    elsif impersonation && impersonation["read_only"] && !reads?(request) && request.path != "/logout"
      return [403, { "Content-Type" => "application/json" }, ['{"error":"read-only session"}']]
    end
    @app.call(env)
  end

  private

  def reads?(request)
    %w[GET HEAD OPTIONS].include?(request.request_method)
  end
end

# app/controllers/impersonations_controller.rb
class ImpersonationsController < ApplicationController
  # No foreign page can send an Authorization header here without a CORS preflight, nor, as the session's cookie
  # is SameSite=Strict, sign anyone out.
  skip_forgery_protection
  # Puma sends no Date by itself; Understudy needs it to explain clocks that differ.
  before_action { response.headers.merge!("Cache-Control" => "no-store", "Date" => Time.now.httpdate) }

  LIFE = 60 * 60

  def create
    claims = ImpersonationToken.verify(request.authorization)
    user = User.find_by(id: claims["sub"])
    # As text: Active Record takes "07" and "7abc" for 7.
    return render json: { error: "no such user" }, status: :not_found if user.nil? || user.id.to_s != claims["sub"]
    return render json: { error: "administrators are not impersonated" }, status: :forbidden if user.admin

    sign_in_as(user, claims)
    head :no_content
  rescue ImpersonationToken::Refused => e
    render json: { error: e.message }, status: :unauthorized
  end

  def show
    user = User.find_by(id: session[:user_id]) if session[:user_id]
    return render json: { error: "not signed in" }, status: :unauthorized unless user

    impersonation = session[:impersonation] || {}
    render json: { id: user.id, impersonated_by: impersonation["by"], read_only: impersonation["read_only"] || false }
  end

  def destroy
    reset_session
    head :no_content
  end

  private

  def sign_in_as(user, claims)
    # A new session ID: one that was planted before is worth nothing (session fixation).
    reset_session
    session[:user_id] = user.id
    operator = claims["act"]["sub"]
    session[:impersonation] =
      { "by" => operator, "read_only" => claims["read_only"] ? true : false, "until" => Time.now.to_i + LIFE }
    request.session_options[:expire_after] = LIFE
    entry = { impersonation: user.id, operator: operator, reason: claims["reason"], sid: claims["sid"] }
    $stdout.puts(JSON.generate(entry))
  end
end
# ── to here ──────────────────────────────────────────────────────────────────────────────────────

$stdout.sync = true
Application.config.middleware.use ImpersonationLimits
Application.initialize!
Application.routes.draw do
  post "/impersonate", to: "impersonations#create"
  get "/api/me", to: "impersonations#show"
  post "/logout", to: "impersonations#destroy"
end

server = Puma::Server.new(Application)
port = server.add_tcp_listener("127.0.0.1", ENV.fetch("PORT", "0").to_i).addr[1]
listening = "http://127.0.0.1:#{port}"
Application.config.x.app_origin ||= listening
puts JSON.generate(listening: listening)
server.run.join
